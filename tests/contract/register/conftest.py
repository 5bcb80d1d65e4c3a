"""A register on either kind of database, and somebody in it."""

from __future__ import annotations

from datetime import date

import pytest

from foundation.audit import Actor
from foundation.runtime import Runtime
from idp.register import REGISTER_ROW, Profile, Register

OFFICER = Actor("staff", "stf_officer")
POLICY = "2026-01"


@pytest.fixture
def register(any_runtime: Runtime) -> Register:
    return Register(any_runtime)


@pytest.fixture
def person_id(register: Register, any_runtime: Runtime) -> str:
    """Somebody who waits for activation."""
    profile = Profile(
        "39001012222",
        "Jüri",
        "Kõiv",
        date(1990, 1, 1),
        street_address="Lai 1",
        locality="Tallinn",
        country="EE",
        email="juri@mail.example",
    )
    now = any_runtime.clock.now()
    return register.enrolment.enrol(profile, REGISTER_ROW, OFFICER, POLICY, now).person.id
