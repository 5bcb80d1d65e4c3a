"""The runbooks of docs/incidents.md, walked: what the thief holds works no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from civitas.residents import as_csv, residents
from foundation.audit import Actor
from foundation.clock import FrozenClock
from foundation.runtime import Runtime
from foundation.settings import Settings
from idp.oauth import Client, client_from_metadata
from idp.supervision import Incidents, Parts
from tests.support.authorization_server import CALLBACK, AuthorizationServer
from tests.support.city import City, Visitor

HOST = Actor("system", "host:root")
PEOPLE = list(residents(3, 7, city="Tallinn", country="EE"))


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(settings, clock)
    yield made
    made.close()


# ── the laptop of an officer was stolen ──────────────────────────────────────────────────


def look_up(officer: Visitor, number: str) -> str:
    found = officer.post("/desk/search", "/desk", civil_number=number, purpose="proofing")
    return str(found.headers["location"])


def proof(officer: Visitor, number: str) -> str:
    place = look_up(officer, number)
    done = officer.post(
        f"{place}/proofing",
        place,
        policy_version="2026-01",
        level="2",
        evidence_1="passport:passport-authority",
        method_1="presented-in-person",
        possessed_1="yes",
        valid_1="yes",
    )
    assert done.headers["location"].endswith("done=accepted"), done.text
    return place


def printed(operator: Visitor) -> list[str]:
    file = operator.post("/letters", "/letters", format="json")
    return [letter["code"] for letter in file.json()["letters"]]


def test_the_laptop_of_an_officer_was_stolen(city: City) -> None:
    list(city.importer.run(as_csv(iter(PEOPLE)), "register.csv"))
    thief, second = city.staff("officer", "Olga Officer"), city.staff("officer", "Sven Second")
    operator, auditor = city.staff("operator", "Otto"), city.staff("auditor", "Aune")
    used, unused = (proof(thief, p["civil_number"]) for p in PEOPLE[:2])
    thief.post(f"{used}/letter", used)
    city.clock.advance(timedelta(seconds=1))
    thief.post(f"{unused}/letter", unused)
    first, other = printed(operator)
    accomplice = city.browser()
    accomplice.activate(first, "accomplice")
    assert accomplice.get("/account").status_code == 200

    operator.mean_it(f"/staff/{thief.id}/end", "/staff", reason="Laptop stolen")
    frozen = operator.mean_it(
        f"/staff/{thief.id}/freeze", "/staff", since="2026-03-01", reason="Laptop stolen"
    )
    assert frozen.headers["location"].endswith("done=freeze")

    assert thief.get("/desk").headers["location"].startswith("/sign-in")
    assert city.browser().post("/activate", "/activate", code=other).status_code == 410
    place = look_up(second, PEOPLE[1]["civil_number"])
    assert second.post(f"{place}/letter", place).status_code == 409

    queued = re.findall(r'href="(/desk/second-looks/[^"]+)"', second.get("/desk").text)
    assert len(queued) == 2
    look_up(second, PEOPLE[0]["civil_number"])
    for look in queued:
        assert "Passport authority" in second.get(look).text
        second.post(look, look, answer="refuse", reason="Nobody came")
    assert accomplice.get("/account").headers["location"].startswith("/sign-in")
    person = city.register.known(used.rsplit("/", 1)[1]).person
    assert (person.state, person.level) == ("suspended", 1)

    acts = auditor.get(f"/auditor/events?staff={thief.id}").text
    assert "register.proofing-accepted" in acts
    done = auditor.get(f"/auditor/events?staff={operator.id}").text
    assert "staff.ended" in done
    assert "staff.cases_frozen" in done


# ── a secret leaked, a service turned hostile ────────────────────────────────────────────


@dataclass
class NoSessions:
    """Sign-in sessions are not what these two are about."""

    def end_all(self, uow: Any, subject_id: str, *more: Any, **named: Any) -> int:
        return 0

    def end_everybody(self, uow: Any, *more: Any, **named: Any) -> int:
        return 0


@dataclass
class Elsewhere:
    """Somebody else vouches for this one client."""

    clients: dict[str, Client] = field(default_factory=dict)

    def find(self, client_id: str, now: datetime) -> Client | None:
        return self.clients.get(client_id)

    def would_fetch(self, client_id: str, now: datetime) -> bool:
        return False


def incidents_of(server: AuthorizationServer) -> Incidents:
    return Incidents(Parts(server.runtime, NoSessions(), tokens=server.oauth))


def test_a_secret_of_a_service_leaked(any_authorization_server: AuthorizationServer) -> None:
    server = any_authorization_server
    service = server.add(
        grant_types=["client_credentials"], redirect_uris=None, scope="access:evaluate"
    )
    stolen = server.token(service, grant_type="client_credentials").json()["access_token"]
    assert server.introspect(service, stolen)["active"]
    incidents = incidents_of(server)
    fresh = incidents.rotate_secret(service.client.id, "In a repository", HOST, timedelta(0))
    assert server.token(service, grant_type="client_credentials").status_code == 401
    after = type(service)(service.client, fresh)
    assert not server.introspect(after, stolen)["active"]
    server.runtime.clock.advance(timedelta(seconds=1))
    ours = server.token(after, grant_type="client_credentials").json()["access_token"]
    assert server.introspect(after, ours)["active"]


def test_a_service_turned_hostile(any_authorization_server: AuthorizationServer) -> None:
    server = any_authorization_server
    server.people.born("per_1", given_name="Ada")
    server.people.sign_in("per_1")
    service = server.add()
    tokens = server.tokens(service, scope="openid offline_access")
    code = server.sign_in(service)
    asked = server.authorize(service, scope="openid profile", prompt="consent")
    page = asked.headers["location"]
    assert server.http.get(page).status_code == 200

    incidents = incidents_of(server)
    assert incidents.suspend_client(service.client.id, "Sells what it learns", HOST) >= 1

    assert server.userinfo(tokens["access_token"]).status_code == 401
    assert server.refresh(service, tokens["refresh_token"]).status_code == 401
    assert server.redeem(service, code).status_code == 401
    assert server.authorize(service).status_code == 400
    assert server.authorize(service, prompt="none").status_code == 400
    assert server.http.get(page).status_code >= 400

    incidents.resume_client(service.client.id, "Audited", HOST)
    assert server.userinfo(tokens["access_token"]).status_code == 401
    assert server.refresh(service, tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert server.redeem(service, code).json()["error"] == "invalid_grant"


def test_a_federated_service_turned_hostile_though_its_regulator_still_vouches(
    any_runtime: Runtime,
) -> None:
    name = "https://library.example"
    found = client_from_metadata(
        name,
        {
            "client_name": "Library",
            "redirect_uris": [CALLBACK],
            "token_endpoint_auth_method": "none",
            "scope": "openid",
            "purposes": ["library"],
        },
        development=True,
    )
    server = AuthorizationServer(any_runtime, sources=[Elsewhere({name: found})])
    server.people.born("per_1")
    server.people.sign_in("per_1")
    clients, now = server.oauth.clients, any_runtime.clock.now()
    assert clients.find(name, now).active
    incidents = incidents_of(server)
    incidents.suspend_client(name, "Sells what it learns", HOST)
    assert not clients.find(name, now).active
    assert list(clients.suspended_elsewhere()) == [name]
    answer = server.http.get("/oauth/authorize", params={"client_id": name})
    assert answer.status_code == 400
    incidents.resume_client(name, "Audited", HOST)
    assert clients.find(name, now).active
    assert list(clients.suspended_elsewhere()) == []


# ── a backup was stolen ──────────────────────────────────────────────────────────────────


def test_a_backup_was_stolen(city: City) -> None:
    *_, last = city.importer.run(as_csv(iter(PEOPLE)), "register.csv")
    first, second, _ = city.importer.persons(last.import_id)
    citizen, officer = city.citizen(first, "some.citizen"), city.staff("officer")
    operator = city.staff("operator")
    place = f"/desk/persons/{second}"
    officer.post(f"{place}/look-up", purpose="activation")
    officer.post(f"{place}/letter", place)
    (code,) = printed(operator)
    with city.runtime.database.read() as uow:
        (batch,) = city.register.letters.batches(uow)
    # What lies in the copy opens nothing: neither a cookie nor a code is in it.
    stored = b"".join(f.read_bytes() for f in city.settings.path.parent.glob("civitas.db*"))
    for secret in (code, *(c.value for c in citizen.http.cookies.jar if c.value)):
        assert secret.encode() not in stored

    incidents: Incidents = city.deployment.parts["supervision"].incidents
    stopped = incidents.stop_everybody("A backup was stolen", HOST)
    assert stopped.sessions >= 3
    for out, page in ((citizen, "/account"), (officer, "/desk"), (operator, "/staff")):
        assert out.get(page).headers["location"].startswith("/sign-in")
    assert city.register.letters.again(batch.id, HOST, city.clock.now()) == 1
    assert city.browser().post("/activate", "/activate", code=code).status_code == 410
    city.runtime.audit.tree.sequence(city.clock.now())
    assert city.runtime.audit.tree.verify().ok
