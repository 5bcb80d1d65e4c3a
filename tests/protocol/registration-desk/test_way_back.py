"""Who lost everything, at the desk and in the account: what is offered, and what it does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from civitas.residents import as_csv, residents
from foundation.audit import Actor
from foundation.clock import FrozenClock
from foundation.settings import Settings
from idp.portal.sentences import SENTENCES
from idp.register import IdentityLife
from tests.support.city import City, Visitor

PEOPLE = list(residents(2, 7, city="Tallinn", country="EE"))
PRINTER = Actor("staff", "stf_printer")
BORN = dict(zip(("year", "month", "day"), PEOPLE[0]["birthdate"].split("-"), strict=True))
PASSPORT = {
    "policy_version": "2026-01",
    "level": "2",
    "evidence_1": "passport:passport-authority",
    "method_1": "presented-in-person",
    "reference_1": "K1234567",
    "possessed_1": "yes",
    "valid_1": "yes",
}


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(settings, clock)
    yield made
    made.close()


@pytest.fixture
def citizen(city: City) -> Visitor:
    *_, last = city.importer.run(as_csv(iter(PEOPLE)), "register.csv")
    return city.citizen(city.importer.persons(last.import_id)[0], "first.citizen")


@pytest.fixture
def officer(city: City, citizen: Visitor) -> Visitor:
    """Who has looked the citizen up."""
    made = city.staff()
    made.post(f"/desk/persons/{citizen.id}/look-up", "/desk", purpose="request")
    return made


def ask(city: City, **more: str) -> Any:
    form = {"named": PEOPLE[0]["civil_number"], **BORN, **more}
    answer = city.browser().post("/lost", "/lost", **form)
    city.runtime.jobs.run_once()
    return answer


def at_desk(officer: Visitor, citizen: Visitor, answer: str = "ask", reason: str = "Lost") -> Any:
    place = f"/desk/persons/{citizen.id}"
    sent = officer.post(f"{place}/recovery", place, answer=answer, reason=reason)
    assert sent.status_code == 303, sent.text
    return officer.get(sent.headers["location"]).text


def letters(city: City) -> list[Any]:
    _, made = city.register.letters.make("json", False, PRINTER, city.clock.now())
    return list(made)


def test_the_page_of_an_active_person_offers_a_way_back(
    city: City, citizen: Visitor, officer: Visitor
) -> None:
    place = f"/desk/persons/{citizen.id}"
    assert "lost every way to sign in" in officer.get(place).text
    assert "waits until the delay is over" in at_desk(officer, citizen)
    with city.runtime.database.read() as uow:
        assert city.register.letters.waiting(uow, city.clock.now()) == 0
    proofed = officer.post(f"{place}/proofing", place, **PASSPORT)
    assert proofed.headers["location"].endswith("done=accepted")
    assert "saw the person face to face in the last day" in officer.get(place).text
    assert "leaves with the next file" in at_desk(officer, citizen)
    (letter,) = letters(city)
    assert letter.recovers
    assert "is on its way since" in officer.get(place).text
    back = city.browser()
    back.activate(letter.issued.code, "anew.citizen")
    assert back.get("/account").status_code == 200
    assert citizen.get("/account").status_code == 303, "the old session has ended"
    assert set(city.kinds(citizen.id)) <= set(SENTENCES)


def test_a_reason_is_needed_and_a_stop_ends_the_code(
    city: City, citizen: Visitor, officer: Visitor
) -> None:
    place = f"/desk/persons/{citizen.id}"
    refused = officer.post(f"{place}/recovery", place, answer="ask", reason=" ")
    assert refused.status_code == 400
    assert 'href="#recovery-reason"' in refused.text, "the form is there again, with its mistake"
    assert officer.post(f"{place}/recovery", place, answer="maybe").status_code == 400
    at_desk(officer, citizen)
    assert "Its code opens nothing" in at_desk(officer, citizen, "stop")
    city.clock.advance(city.register.recoveries.delay)
    with city.runtime.database.read() as uow:
        assert city.register.letters.waiting(uow, city.clock.now()) == 0


def test_the_account_shows_it_and_stops_it_with_any_means(city: City, citizen: Visitor) -> None:
    assert "letter with a new code" not in citizen.get("/account/credentials").text
    ask(city)
    for page in ("/account", "/account/credentials"):
        assert "A letter with a new code was asked for" in citizen.get(page).text
    assert "Somebody who gave your name and birth date" in citizen.get("/account/ledger").text
    stopped = citizen.post("/account/recovery/stop", "/account")
    assert stopped.headers["location"].endswith("done=letter-stopped")
    assert "The letter is stopped" in citizen.get(stopped.headers["location"]).text
    assert "letter with a new code was asked" not in citizen.get("/account").text
    again = citizen.post("/account/recovery/stop", "/account")
    assert again.status_code == 303, "stopped twice, stopped once"


def test_one_that_an_officer_sent_is_stopped_by_the_strongest_means_alone(
    city: City, citizen: Visitor, officer: Visitor
) -> None:
    place = f"/desk/persons/{citizen.id}"
    citizen.add_and_use_passkey()
    officer.post(f"{place}/proofing", place, **PASSPORT)
    at_desk(officer, citizen)
    thief = city.browser()
    thief.post("/sign-in", "/sign-in", name="first.citizen", password="orbit velvet cactus lantern")
    said = thief.post("/account/recovery/stop", "/account")
    assert "strongest=1" in said.headers["location"]
    assert (
        citizen.post("/account/recovery/stop", "/account")
        .headers["location"]
        .endswith("done=letter-stopped")
    )


def test_the_page_says_what_works_and_keeps_what_was_typed(city: City, citizen: Visitor) -> None:
    signing_in = city.browser().get("/sign-in?return_to=/account/consents").text
    assert 'href="/lost?return_to=%2Faccount%2Fconsents"' in signing_in
    page = city.browser().get("/lost?return_to=/account/consents").text
    assert 'href="/sign-in?return_to=%2Faccount%2Fconsents"' in page
    for words in ("another way", "send me a letter", "registration office", "Two operators"):
        assert words in page, words
    wrong = ask(city, month="13")
    assert wrong.status_code == 422
    assert "This is not a date" in wrong.text
    assert PEOPLE[0]["civil_number"] in wrong.text
    assert ask(city, named=" ").status_code == 422
    assert "a letter goes to the address" in city.browser().get(ask(city).headers["location"]).text


def test_a_form_without_our_token_asks_for_nothing(city: City, citizen: Visitor) -> None:
    named = {"named": PEOPLE[0]["civil_number"], **BORN}
    assert city.browser().http.post("/lost", data=named).status_code == 403
    city.runtime.jobs.run_once()
    assert "recovery.asked" not in city.kinds(citizen.id)


@pytest.mark.parametrize(
    ("step", "words"),
    [("suspend", "End the suspension first"), ("archive", "is restored with a new check")],
)
def test_the_desk_says_what_to_do_for_who_is_not_active(
    city: City, citizen: Visitor, officer: Visitor, step: str, words: str
) -> None:
    place = f"/desk/persons/{citizen.id}"
    life: IdentityLife = city.deployment.parts["identity_life"]
    getattr(life, step)(citizen.id, PRINTER, "It was asked for", city.clock.now())
    page = officer.get(place).text
    assert words in page
    assert "lost every way to sign in" not in page
