"""Corrections, enrolment by a form and search by name at the desk, over HTTP — GDPR art. 16."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from civitas.residents import as_csv, residents
from foundation.clock import FrozenClock
from foundation.settings import Settings
from idp.register.corrections import texts_of
from tests.support.city import City, Visitor

PEOPLE = list(residents(2, 7, city="Tallinn", country="EE"))
WHY = {"source": "civil-register", "reason": "Compared with the register."}
NEW = {
    "civil_number": "T1234567",
    "given_name": "Zoë",
    "family_name": "Müller",
    "birthdate": "1990-05-01",
    "locality": "Tallinn",
    "country": "EE",
    "evidence": "register-extract:civil-register",
    "method": "register-query",
}


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(settings, clock)
    yield made
    made.close()


@pytest.fixture
def officer(city: City) -> Visitor:
    return city.staff()


@pytest.fixture
def person_id(city: City) -> str:
    *_, last = city.importer.run(as_csv(iter(PEOPLE)), "register.csv")
    return city.importer.persons(last.import_id)[0]


def opened(officer: Visitor, person_id: str) -> str:
    place = f"/desk/persons/{person_id}"
    officer.post(f"{place}/look-up", purpose="correction")
    return place


def record(city: City, person_id: str) -> dict[str, str]:
    with city.runtime.database.read() as uow:
        return texts_of(city.register.profile(uow, person_id))


def correct(city: City, officer: Visitor, person_id: str, do: str = "correct", **changes: str):
    place = opened(officer, person_id)
    fields = {**record(city, person_id), **WHY, **changes}
    return officer.post(f"{place}/correct", f"{place}/correct", do=do, **fields)


def test_the_form_holds_the_record_and_nothing_happens_before_the_preview(city, officer, person_id):
    place = opened(officer, person_id)
    page = officer.get(f"{place}/correct").text
    assert f'value="{PEOPLE[0]["civil_number"]}"' in page
    seen = correct(city, officer, person_id, "look", street_address="Pikk 1")
    assert seen.status_code == 200
    assert "Nothing is changed yet" in seen.text
    assert "Pikk 1" in seen.text
    assert PEOPLE[0]["street_address"] in seen.text
    assert record(city, person_id)["street_address"] == PEOPLE[0]["street_address"]
    again = correct(city, officer, person_id, "again", street_address="Pikk 1")
    assert 'value="Pikk 1"' in again.text
    done = correct(city, officer, person_id, street_address="Pikk 1")
    assert done.headers["location"] == f"{place}?done=correction-done"
    assert record(city, person_id)["street_address"] == "Pikk 1"
    assert "Pikk 1" in officer.get(place).text


def test_all_that_is_wrong_is_told_at_once_and_what_was_typed_stays(city, officer, person_id):
    page = correct(
        city, officer, person_id, "look",
        birthdate="yesterday", country="Estonia", email="nobody", source="", reason=" ",
        street_address="Pikk 1", postal_code="",
    )  # fmt: skip
    assert page.status_code >= 400
    for field in ("birthdate", "country", "email", "source", "reason"):
        assert f'href="#{field}"' in page.text
    assert "Birth date: Write year-month-day" in page.text
    for typed in ("yesterday", "Estonia", "nobody", "Pikk 1"):
        assert f'value="{typed}"' in page.text
    assert f'value="{PEOPLE[0]["postal_code"]}"' not in page.text


@pytest.mark.row("assurance", "EN-5")
def test_a_name_waits_for_a_colleague_who_sees_old_and_new(city, officer, person_id):
    preview = correct(city, officer, person_id, "look", family_name="Correctname")
    assert "A colleague compares this" in preview.text
    done = correct(city, officer, person_id, family_name="Correctname")
    assert done.headers["location"].endswith("done=correction-waiting")
    place = f"/desk/persons/{person_id}"
    mine = officer.get(place).text
    found = re.search(r'id="(cor_[^"]+)"', mine)
    assert found is not None
    assert f'action="/desk/corrections/{found[1]}"' not in mine
    refused = officer.post(f"/desk/corrections/{found[1]}", place, answer="accept")
    assert refused.status_code == 403
    second = city.staff(name="Sven Second")
    assert f"{place}#corrections" in second.get("/desk").text
    closed = second.post(f"/desk/corrections/{found[1]}", "/desk", answer="accept")
    assert closed.headers["location"] == place  # a look-up first
    opened(second, person_id)
    assert "Correctname" in second.get(place).text
    second.post(f"/desk/corrections/{found[1]}", place, answer="accept")
    assert record(city, person_id)["family_name"] == "Correctname"


def test_nobody_corrects_without_a_look_up_or_on_their_own_record(city, officer, person_id):
    place = f"/desk/persons/{person_id}"
    assert officer.get(f"{place}/correct").headers["location"] == place
    fields = {**record(city, person_id), **WHY, "street_address": "Pikk 1", "do": "correct"}
    sent = officer.post(f"{place}/correct", "/desk", **fields)
    assert sent.headers["location"] == place
    own = city.staff(own_number=PEOPLE[0]["civil_number"])
    assert own.get(f"{place}/correct").status_code == 403
    assert own.post(f"{place}/correct", "/desk", **fields).status_code == 403
    assert record(city, person_id)["street_address"] == PEOPLE[0]["street_address"]


def test_one_person_is_enrolled_by_a_form_and_proofed_by_a_colleague(city, officer):
    done = officer.post("/desk/enrol", "/desk/enrol", **NEW)
    place, _, said = done.headers["location"].partition("?")
    assert said == "done=enrolled"
    page = officer.get(done.headers["location"]).text
    assert "The person is enrolled" in page
    assert "Müller" in page
    person_id = place.rpartition("/")[2]
    assert city.register.known(person_id).person.level == 1
    proof = {
        "policy_version": "2026-01", "level": "2", "evidence_1": "passport:passport-authority",
        "method_1": "presented-in-person", "possessed_1": "yes", "valid_1": "yes",
    }  # fmt: skip
    assert officer.post(f"{place}/proofing", place, **proof).status_code == 403
    second = city.staff(name="Sven Second")
    opened(second, person_id)
    second.post(f"{place}/proofing", place, **proof)
    assert city.register.known(person_id).person.level == 2


def test_a_form_of_enrolment_tells_all_that_is_wrong_and_keeps_the_rest(city, officer, person_id):
    wrong = {
        **NEW,
        "birthdate": "2090-01-01",
        "country": "",
        "evidence": "oracle",
        "phone_number": "1",
    }
    page = officer.post("/desk/enrol", "/desk/enrol", **wrong)
    assert page.status_code == 422
    for field in ("birthdate", "country", "evidence", "phone_number"):
        assert f'href="#{field}"' in page.text
    assert 'value="Müller"' in page.text
    twice = officer.post(
        "/desk/enrol", "/desk/enrol", **{**NEW, "civil_number": PEOPLE[0]["civil_number"]}
    )
    assert twice.status_code == 409
    assert "already in the register" in twice.text
    own = city.staff(own_number=NEW["civil_number"])
    assert own.post("/desk/enrol", "/desk/enrol", **NEW).status_code == 403
    assert officer.post("/desk/enrol", "/desk/enrol", **NEW).status_code == 303


@pytest.mark.row("privacy", "P-4")
def test_a_file_that_changes_records_shows_first_what_it_would_do(city, officer, person_id):
    rows = [{**PEOPLE[0], "street_address": "Pikk 1"}, {**PEOPLE[1], "birthdate": "x"}]
    sent = officer.http.post(
        "/desk/imports",
        data={"csrf_token": officer.token(), "updates": "yes"},
        files={"file": ("next.csv", as_csv(iter(rows)))},
    )
    place = sent.headers["location"]
    city.runtime.jobs.run_once()
    page = officer.get(place).text
    for told in ("Nothing is done yet", "Pikk 1", PEOPLE[0]["street_address"], "is not a date"):
        assert told in page
    assert record(city, person_id)["street_address"] == PEOPLE[0]["street_address"]
    assert "register.looked-up" in city.kinds(person_id)
    colleague = city.staff(name="Sven Second")
    assert "Pikk 1" not in colleague.get(place).text
    assert colleague.post(f"{place}/start", place).status_code == 403
    done = officer.post(f"{place}/start", place)
    city.runtime.jobs.run_once()
    page = officer.get(done.headers["location"]).text
    assert "Records changed" in page
    assert record(city, person_id)["street_address"] == "Pikk 1"


@pytest.mark.row("privacy", "P-4")
def test_a_person_is_found_by_name_and_birth_date_and_their_record_opens_by_a_look_up(
    city, officer, person_id
):
    who = record(city, person_id)
    asked = {"name": who["family_name"][:4].lower(), "born": who["birthdate"][:4]}
    page = officer.post("/desk/search", "/desk", purpose="request", **asked)
    assert page.status_code == 200
    assert f'action="/desk/persons/{person_id}/look-up"' in page.text
    assert who["civil_number"] not in page.text
    assert "register.searched" in city.kinds(person_id)
    nobody = officer.post("/desk/search", "/desk", purpose="request", name="Nobodyatall")
    assert nobody.status_code == 404
    assert 'value="Nobodyatall"' in nobody.text
    wrong = officer.post("/desk/search", "/desk", purpose="request", born="the day before")
    assert wrong.status_code == 422
    own = city.staff(own_number=PEOPLE[0]["civil_number"])
    mine = own.post("/desk/search", "/desk", purpose="request", **asked)
    assert f"/desk/persons/{person_id}/look-up" not in mine.text
