"""Two records that look alike at the desk: found, compared side by side, decided by two — EN-3."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import pytest

from civitas.residents import as_csv, residents
from foundation.clock import FrozenClock
from foundation.settings import Settings
from tests.support.city import City, Visitor

PEOPLE = list(residents(4, 7, city="Tallinn", country="EE"))
ONE = PEOPLE[0]
FORM = {
    "civil_number": "48712030022",
    "given_name": ONE["family_name"],
    "family_name": ONE["given_name"],
    "birthdate": ONE["birthdate"],
    "locality": "Tallinn",
    "country": "EE",
    "evidence": "passport:passport-authority",
    "method": "presented-in-person",
}


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(settings, clock)
    yield made
    made.close()


@pytest.fixture
def person_id(city: City) -> str:
    list(city.importer.run(as_csv(iter(PEOPLE)), "register.csv"))
    with city.runtime.database.read() as uow:
        return str(city.register.by_civil_number(uow, ONE["civil_number"]))


def apply_twice(city: City, officer: Visitor) -> tuple[str, str]:
    """The page of the second record, and of the pair."""
    done = officer.post("/desk/enrol", "/desk/enrol", **FORM)
    place, _, query = done.headers["location"].partition("?")
    assert query == "done=held"
    page = officer.get(done.headers["location"]).text
    [pair] = re.findall(r'href="(/desk/resemblances/[^"]+)"', page)
    assert "/letter" not in page
    return place, pair


def opened(officer: Visitor, pair: str) -> str:
    assert ONE["civil_number"] not in officer.get(pair).text
    officer.post(f"{pair}/look-up", pair)
    return html.unescape(officer.get(pair).text)


@pytest.mark.row("assurance", "EN-3")
def test_the_pair_is_shown_side_by_side_with_its_reasons_and_decided_by_two(city, person_id):
    first, second = city.staff(), city.staff(name="Sven Second")
    place, pair = apply_twice(city, first)
    assert pair in second.get("/desk").text
    page = opened(first, pair)
    for text in (ONE["civil_number"], FORM["civil_number"], "The names are the same", "same"):
        assert text in page
    without = first.post(pair, pair, answer="same", reason=" ")
    assert without.status_code == 400
    done = first.post(pair, pair, answer="same", reason="One passport photograph.")
    assert done.headers["location"] == f"{place}?done=proposed"
    assert "One passport photograph." in first.get(pair).text
    assert pair not in first.get("/desk").text
    assert first.post(pair, pair, answer="agree").status_code == 403
    # The second officer opens both for themselves: till then nothing is decided.
    assert second.post(pair, pair, answer="agree").headers["location"] == pair
    assert "One passport photograph." in opened(second, pair)
    done = second.mean_it(pair, pair, answer="agree")
    assert done.headers["location"] == f"{place}?done=same"
    page = second.get(done.headers["location"]).text
    assert f'href="/desk/persons/{person_id}"' in page
    assert second.post(pair, pair, answer="agree").status_code == 409
    assert pair not in second.get("/desk").text
    kinds = city.kinds(person_id)
    assert kinds.count("register.looked-up") == 2
    for kind in ("found", "proposed", "same"):
        assert f"register.resemblance-{kind}" in kinds
    assert city.register.known(place.rpartition("/")[2]).person.state == "archived"


@pytest.mark.row("failures", "12")
def test_nobody_compares_a_record_of_their_own(city, person_id):
    officer, own = city.staff(), city.staff(own_number=ONE["civil_number"])
    _, pair = apply_twice(city, officer)
    assert own.get(pair).status_code == 403
    assert own.post(f"{pair}/look-up", "/desk").status_code == 403
    assert own.post(pair, "/desk", answer="different", reason="Not me.").status_code == 403


@pytest.mark.row("failures", "12")
def test_nobody_but_an_officer_compares(city, person_id):
    _, pair = apply_twice(city, city.staff())
    citizen = city.citizen(person_id, "some.citizen")
    for visitor in (citizen, city.staff("operator"), city.staff("auditor")):
        assert visitor.http.request("GET", pair).status_code == 403
        assert visitor.http.request("POST", pair).status_code == 403


def test_an_answer_that_is_none_is_refused_and_a_pair_that_is_none_is_not_found(city, person_id):
    officer = city.staff()
    _, pair = apply_twice(city, officer)
    assert officer.post(pair, pair, answer="perhaps").status_code == 400
    assert officer.get("/desk/resemblances/sam_none").status_code == 404


def test_the_pages_have_one_heading_and_captions(city, person_id):
    officer = city.staff()
    _, pair = apply_twice(city, officer)
    for page in (officer.get(pair).text, opened(officer, pair), officer.get("/desk").text):
        assert page.count("<h1>") == 1
        assert page.count("<table") == page.count("<caption")
