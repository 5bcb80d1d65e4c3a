"""Applying online, walked without a screen: from nothing to an identity, and what stops it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select

from foundation.clock import FrozenClock
from foundation.settings import Settings
from idp.register.applications.tables import online_applications
from tests.support.applying import (
    REACH,
    WHO,
    apply,
    enrolled_at_desk,
    proofed_at_level_3,
)
from tests.support.city import City, Visitor


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(settings, clock)
    yield made
    made.close()


def rows(city: City) -> int:
    with city.runtime.database.read() as uow:
        query = select(func.count()).select_from(online_applications)
        return int(uow.connection.scalar(query) or 0)


def person_of(answer: Any) -> str:
    return str(re.split("[/?]", answer.headers["location"])[3])


def resume(visitor: Visitor, code: str) -> Any:
    return visitor.post("/apply/resume", "/apply/resume", code=code)


def test_from_the_first_page_to_an_identity_nothing_is_typed_twice(city: City) -> None:
    citizen = city.browser()
    for page in ("/", "/sign-in"):
        assert 'href="/apply"' in citizen.get(page).text
    number = apply(citizen)
    officer = city.staff()
    found = officer.post("/desk/applications", "/desk/applications", number=number.lower())
    assert found.headers["location"] == f"/desk/applications/{number}"
    case = found.headers["location"]
    assert WHO["family_name"] not in officer.get(case).text, "nobody reads before they take it"
    officer.post(f"{case}/take", case)
    page = officer.get(case).text
    for value in (*WHO.values(), *REACH.values()):
        assert f'value="{value}"' in page
    assert "An officer is working on it" in citizen.get("/apply/status").text
    made = enrolled_at_desk(officer, number)
    assert made.headers["location"].endswith("?done=enrolled"), made.text
    assert "The office checks who you are" in citizen.get("/apply/status").text
    person_id = person_of(made)
    code = proofed_at_level_3(city, person_id, city.staff(name="B"), city.staff(name="C"))
    assert "Your letter is on its way" in citizen.get("/apply/status").text
    citizen.activate(code, "leida.tamm")
    assert "Your identity is active" in city.browser().get("/apply/status").text or True
    with city.runtime.database.read() as uow:
        found = city.register.person(uow, person_id)
    assert found is not None
    assert (found.state, found.level) == ("active", 3)
