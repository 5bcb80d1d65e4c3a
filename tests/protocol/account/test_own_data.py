"""Your data: what is held, by whose word, what to do when it is wrong — GDPR art. 15, 16, 19."""

from __future__ import annotations

import html
from collections.abc import Iterator
from datetime import timedelta

import pytest

from civitas.residents import as_csv, residents
from foundation.audit import Actor
from foundation.clock import FrozenClock
from foundation.settings import Settings
from idp.register.corrections import texts_of
from idp.register.tables import notices
from tests.support.city import City, Visitor

PEOPLE = list(residents(1, 11, city="Tallinn", country="EE"))
HERE = "/account/data"


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(settings, clock)
    yield made
    made.close()


@pytest.fixture
def citizen(city: City) -> Visitor:
    *_, last = city.importer.run(as_csv(iter(PEOPLE)), "register.csv")
    made = city.citizen(city.importer.persons(last.import_id)[0], "first.citizen")
    made.add_and_use_passkey()
    return made


def record(city: City, visitor: Visitor) -> dict[str, str]:
    with city.runtime.database.read() as uow:
        return texts_of(city.register.profile(uow, visitor.id))


def test_all_that_is_held_stands_there_with_who_said_so(city, citizen):
    page = html.unescape(citizen.get(HERE).text)
    for value in PEOPLE[0].values():
        assert value in page
    assert "Civil register" in page


def test_a_new_address_of_mail_is_told_to_the_old_one(city, citizen):
    before = record(city, citizen)
    done = citizen.post(
        HERE, HERE, email="new@mail.example", phone_number="+3725551234", locale="fr"
    )
    assert done.headers["location"] == f"{HERE}?done=changed"
    after = record(city, citizen)
    changed = {"email": "new@mail.example", "phone_number": "+3725551234", "locale": "fr"}
    assert after == {**before, **changed}
    assert "The person themselves" in citizen.get(HERE).text
    with city.runtime.database.read() as uow:
        assert uow.all(notices.select().where(notices.c.kind == "contact.changed"))


@pytest.mark.row("failures", "12")
def test_nobody_changes_by_this_form_who_they_are_or_where_they_live(city, citizen):
    before = record(city, citizen)
    citizen.post(HERE, HERE, **{**before, "family_name": "Other", "locality": "Riga"})
    assert record(city, citizen) == before


def test_a_change_needs_the_strongest_means_shown_a_moment_ago(city, citizen):
    before = record(city, citizen)
    city.clock.advance(timedelta(minutes=20))
    assert "Show that it is me" in citizen.get(HERE).text
    sent = citizen.post(HERE, HERE, email="thief@mail.example")
    assert sent.headers["location"].startswith("/sign-in?")
    assert record(city, citizen) == before


def test_a_wrong_value_is_told_and_what_was_typed_stays(city, citizen):
    before = record(city, citizen)
    page = citizen.post(HERE, HERE, email="nobody", phone_number="+3725551234")
    assert page.status_code == 422
    assert 'href="#email"' in page.text
    assert 'value="nobody"' in page.text
    assert record(city, citizen) == before


def test_what_is_wrong_otherwise_becomes_a_task_of_the_desk_and_is_answered(city, citizen):
    empty = citizen.post(f"{HERE}/wrong", HERE, reason=" ")
    assert empty.status_code == 400
    done = citizen.post(f"{HERE}/wrong", HERE, reason="My name is written with ö.")
    assert done.headers["location"] == f"{HERE}?done=asked"
    page = citizen.get(HERE).text
    assert "is looking at your record" in page
    officer = city.staff()
    place = f"/desk/persons/{citizen.id}"
    assert f"{place}#corrections" in officer.get("/desk").text
    officer.post(f"{place}/look-up", purpose="correction")
    assert "My name is written with ö." in officer.get(place).text
    with city.runtime.database.read() as uow:
        (task,) = city.register.corrections.queue(uow)
    answered = {"answer": "answered", "reason": "It is corrected."}
    officer.post(f"/desk/corrections/{task.id}", place, **answered)
    assert "It is corrected." in citizen.get("/account/ledger").text
    assert f"{place}#corrections" not in officer.get("/desk").text


def test_services_that_learned_a_value_before_it_changed_are_named(city, citizen):
    told = {"service": "cli_x", "purpose": "library", "attributes": ["email", "age_over_18"]}
    with city.runtime.database.write() as uow:
        service = Actor("service", "cli_x")
        city.runtime.audit.record(uow, "data.released", service, [citizen.id], told)
    assert "has the old value" not in citizen.get(HERE).text
    city.clock.advance(timedelta(seconds=1))
    citizen.post(HERE, HERE, email="new@mail.example")
    assert citizen.get(HERE).text.count("has the old value") == 1
    city.clock.advance(timedelta(seconds=1))
    with city.runtime.database.write() as uow:
        city.runtime.audit.record(uow, "data.released", service, [citizen.id], told)
    assert "has the old value" not in citizen.get(HERE).text
