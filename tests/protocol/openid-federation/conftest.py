"""A regulator with a provider that it accredits at level 2."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation.clock import FrozenClock
from tests.support.federation import OFFICER, PROVIDER, City, Member, ScriptedProvider


@pytest.fixture
def federation_city(tmp_path: Path, clock: FrozenClock) -> Iterator[City]:
    made = City(tmp_path, clock)
    yield made
    made.close()


@pytest.fixture
def regulator(federation_city: City) -> Member:
    return federation_city.regulator()


@pytest.fixture
def provider(federation_city: City, regulator: Member) -> ScriptedProvider:
    made = federation_city.provider()
    regulator.federation.accreditation.accredit(PROVIDER, 2, OFFICER)
    made.member.federation.own_marks.renew()
    return made
