"""Applying online, walked without a screen: from nothing to an identity, and what stops on the way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from foundation.audit import Actor
from foundation.clock import FrozenClock
from foundation.settings import Settings
from tests.support.applying import REACH, WHO, apply, code_on, number_on
from tests.support.city import City

PRINTER = Actor("staff", "stf_printer")


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(settings, clock)
    yield made
    made.close()


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
    made = officer.post(
        f"{case}/enrol",
        case,
        **WHO,
        **REACH,
        evidence="passport:passport-authority",
        method="presented-in-person",
    )
    assert made.headers["location"].endswith("?done=enrolled"), made.text
    assert "The office checks who you are" in citizen.get("/apply/status").text
