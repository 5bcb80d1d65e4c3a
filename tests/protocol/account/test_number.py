"""The resident's number, the Virtual ID, and the check at a kiosk — the statements for Aadhaar."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from sqlalchemy import select
from stdnum import verhoeff

from civitas.residents import as_csv, residents
from foundation.audit import SYSTEM
from foundation.clock import FrozenClock
from foundation.settings import Settings
from idp.register import Subject
from idp.register.tables import resident_numbers
from tests.support.city import City, Visitor

PEOPLE = list(residents(2, 11, city="Tallinn", country="EE"))
CHECK = "/identity/v1/check"
JSON = {"Accept": "application/json"}


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(settings, clock)
    yield made
    made.close()


@pytest.fixture
def people(city: City) -> list[str]:
    *_, last = city.importer.run(as_csv(iter(PEOPLE)), "register.csv")
    return city.importer.persons(last.import_id)


@pytest.fixture
def citizen(city: City, people: list[str]) -> Visitor:
    return city.citizen(people[0], "first.citizen")


def shown(citizen: Visitor) -> dict[str, str]:
    page = citizen.get("/account/number").text
    found = [re.sub(r"\D", "", one) for one in re.findall(r'<code class="key"[^>]*>(.*?)<', page)]
    return dict(zip(("number", "virtual"), found, strict=False))


def make_virtual(citizen: Visitor) -> str:
    done = citizen.post("/account/number/virtual", "/account/number")
    assert done.headers["location"] == "/account/number?done=made"
    return shown(citizen)["virtual"]


def app_of(city: City, person_id: str, visitor: Visitor) -> pyotp.TOTP:
    """An app of this citizen, enrolled."""
    codes = city.deployment.parts["login"].codes
    visitor.post("/account/credentials/app", "/account/credentials")
    page = visitor.get("/account/credentials/app").text
    key = re.search(r'<code class="key" dir="ltr">(.*?)<', page)
    assert key is not None
    app = pyotp.TOTP(key[1].replace(" ", ""))
    code = app.at(city.clock.now())
    done = visitor.post("/account/credentials/app/confirm", "/account/credentials/app", code=code)
    assert done.headers["location"].endswith("done=app"), codes
    city.clock.advance(timedelta(seconds=30))
    return app


class Kiosk:
    """A service that the operator licensed."""

    def __init__(self, city: City, scope: str = "identity:check") -> None:
        clients = city.deployment.parts["oauth"].clients
        metadata = {
            "client_name": "Town hall",
            "grant_types": ["client_credentials"],
            "scope": scope,
        }
        self.client = clients.add(metadata, city.clock.now())
        self.city = city
        self.http = city.browser().http

    def ask(self, number: str, code: str, means: str = "totp") -> Any:
        auth = (self.client.client.id, self.client.secret)
        grant = {"grant_type": "client_credentials"}
        token = self.http.post("/oauth/token", data=grant, auth=auth).json()["access_token"]
        return self.http.post(
            CHECK,
            json={"shown": number, "code": code, "means": means},
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
        )


def test_who_is_activated_has_a_number_that_passes_the_check(citizen: Visitor) -> None:
    number = shown(citizen)["number"]
    assert len(number) == 12
    assert verhoeff.is_valid(number)


def test_a_new_virtual_id_ends_the_old_one_at_once_and_neither_comes_back(
    city: City, citizen: Visitor
) -> None:
    app = app_of(city, citizen.id, citizen)
    kiosk = Kiosk(city)
    first = make_virtual(citizen)
    assert len(first) == 16
    assert verhoeff.is_valid(first)
    assert kiosk.ask(first, app.at(city.clock.now())).json()["decision"] is True
    city.clock.advance(timedelta(seconds=30))
    second = make_virtual(citizen)
    assert second != first
    assert kiosk.ask(first, app.at(city.clock.now())).json() == no()
    assert kiosk.ask(second, app.at(city.clock.now())).json()["decision"] is True
    with city.runtime.database.read() as uow:
        rows = uow.all(select(resident_numbers.c.state).order_by(resident_numbers.c.allotted_at))
    assert sorted(row.state for row in rows) == ["active", "active", "ended"]


def no(**more: Any) -> dict[str, Any]:
    return {"decision": False, "sub": None, "locked": False, **more}


def test_a_yes_carries_the_services_own_subject_and_no_attribute(
    city: City, citizen: Visitor
) -> None:
    app = app_of(city, citizen.id, citizen)
    one, other = Kiosk(city), Kiosk(city)
    number, virtual = shown(citizen)["number"], make_virtual(citizen)
    told = []
    for kiosk, written in ((one, number), (one, virtual), (other, virtual)):
        answer = kiosk.ask(written, app.at(city.clock.now()))
        assert set(answer.json()) == {"decision", "sub", "locked"}
        told.append(answer.json()["sub"])
        city.clock.advance(timedelta(seconds=30))
    assert told[0] == told[1], "the same one at one service, whatever was shown"
    assert told[0] != told[2], "another one at each service"
    ledger = json.dumps(citizen.get("/account/ledger.json").json())
    assert ledger.count("identity.checked") == 3
    assert number not in ledger
    assert "checked whether it was you" in citizen.get("/account/ledger").text


def test_whoever_is_unknown_or_types_a_wrong_or_used_code_is_the_same_no(
    city: City, citizen: Visitor, people: list[str]
) -> None:
    app = app_of(city, citizen.id, citizen)
    other = city.citizen(people[1], "second.citizen")
    kiosk, number = Kiosk(city), shown(citizen)["number"]
    code = app.at(city.clock.now())
    assert kiosk.ask("2345 6789 0123", code).json() == no()
    assert kiosk.ask(shown(other)["number"], code).json() == no(), "somebody else's"
    assert kiosk.ask(number, "000000").json() == no()
    assert kiosk.ask(number, code).json()["decision"] is True
    assert kiosk.ask(number, code).json() == no(), "each code works once"


def test_a_means_that_the_citizen_locked_says_so_at_the_kiosk_once_it_is_proven(
    city: City, citizen: Visitor
) -> None:
    app = app_of(city, citizen.id, citizen)
    login = city.deployment.parts["login"]
    subject = Subject("citizen", citizen.id)
    (bound,) = (one.id for one in login.management.list(subject) if one.kind == "totp")
    done = citizen.post(f"/account/credentials/{bound}/lock", "/account/credentials")
    assert done.headers["location"].endswith("done=locked")
    kiosk, number = Kiosk(city), shown(citizen)["number"]
    assert kiosk.ask(number, "000000").json() == no()
    assert kiosk.ask(number, app.at(city.clock.now())).json() == no(locked=True)


def test_without_a_licence_there_is_no_answer_and_nobody_makes_a_virtual_id_for_another(
    city: City, citizen: Visitor
) -> None:
    unlicensed = Kiosk(city, "access:evaluate")
    assert unlicensed.ask(shown(citizen)["number"], "000000").status_code == 403
    stranger = city.browser()
    assert (
        stranger.http.post(CHECK, json={"shown": "1", "code": "1"}, headers=JSON).status_code == 401
    )
    assert stranger.post("/account/number/virtual").status_code in (303, 401)
    assert "virtual" not in shown(citizen)


def test_no_service_learns_a_number_by_any_claim(city: City) -> None:
    attributes = city.deployment.parts["policies"].catalogue.attributes
    assert not [name for name in attributes if "resident_number" in name or "virtual" in name]


def test_numbers_of_who_left_are_nobodys_for_ever(city: City, citizen: Visitor) -> None:
    number = shown(citizen)["number"]
    life = city.deployment.parts["identity_life"]
    life.archive(citizen.id, SYSTEM, "Moved away", city.clock.now())
    numbers = city.register.numbers
    with city.runtime.database.write() as uow:
        assert numbers.person_of(uow, number) is None
    city.clock.advance(timedelta(days=3651))
    life.delete(citizen.id, SYSTEM, "Retention is over.", city.clock.now())
    with city.runtime.database.read() as uow:
        (row,) = uow.all(select(resident_numbers))
    assert (row.person_id, row.sealed, row.state) == (None, None, "ended")
