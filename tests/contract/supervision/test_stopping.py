"""Suspending, rotating, ending: what holds at the next request — RFC 9700 §4.14, rule 8."""

from __future__ import annotations

from datetime import timedelta

import pytest

from civitas.residents import as_csv, residents
from foundation.audit import SYSTEM
from foundation.errors import BadRequest, NotFound
from idp.supervision import Incidents
from tests.support.city import City

PEOPLE = list(residents(2, 7, city="Tallinn", country="EE"))
SERVICE = {
    "client_name": "Library",
    "redirect_uris": [],
    "grant_types": ["client_credentials"],
    "scope": "access:evaluate",
    "purposes": ["library"],
}


@pytest.fixture
def incidents(city: City) -> Incidents:
    made: Incidents = city.deployment.parts["supervision"].incidents
    return made


@pytest.fixture
def service(city: City) -> tuple[str, str]:
    added = city.deployment.parts["oauth"].clients.add(SERVICE, city.clock.now())
    return added.client.id, added.secret


def token(city: City, client_id: str, secret: str) -> str | None:
    answer = city.browser().http.post(
        "/oauth/token", data={"grant_type": "client_credentials"}, auth=(client_id, secret)
    )
    assert answer.status_code in (200, 401), answer.text
    return str(answer.json()["access_token"]) if answer.status_code == 200 else None


def lives(city: City, value: str) -> bool:
    answer = city.browser().http.post(
        "/access/v1/evaluation",
        json={},
        headers={"Authorization": f"Bearer {value}", "Accept": "application/json"},
    )
    assert answer.status_code < 500, answer.text
    return bool(answer.status_code != 401)


def test_a_rotated_secret_works_beside_the_new_one_for_as_long_as_said(city, incidents, service):
    client_id, old = service
    new = incidents.rotate_secret(client_id, "yearly", SYSTEM, timedelta(hours=1))
    assert token(city, client_id, old)
    assert token(city, client_id, new)
    city.clock.advance(timedelta(minutes=59))
    assert token(city, client_id, old)
    city.clock.advance(timedelta(minutes=1))
    assert token(city, client_id, old) is None
    assert token(city, client_id, new)


def test_a_leaked_secret_is_dead_at_once_with_the_tokens_it_got(city, incidents, service):
    client_id, old = service
    stolen = token(city, client_id, old)
    assert stolen is not None
    assert lives(city, stolen)
    new = incidents.rotate_secret(client_id, "leaked", SYSTEM, timedelta(0))
    assert token(city, client_id, old) is None
    assert not lives(city, stolen)
    city.clock.advance(timedelta(seconds=1))
    fresh = token(city, client_id, new)
    assert fresh is not None
    assert lives(city, fresh)


def test_a_leak_during_a_rotation_ends_both_older_secrets(city, incidents, service):
    client_id, first = service
    second = incidents.rotate_secret(client_id, "yearly", SYSTEM, timedelta(days=7))
    third = incidents.rotate_secret(client_id, "leaked", SYSTEM, timedelta(0))
    assert [token(city, client_id, s) is not None for s in (first, second, third)] == [
        False,
        False,
        True,
    ]


def test_an_overlap_has_a_bound_and_a_service_a_secret(city, incidents, service):
    with pytest.raises(BadRequest):
        incidents.rotate_secret(service[0], "for ever", SYSTEM, timedelta(days=8))
    with pytest.raises(BadRequest):
        incidents.rotate_secret(service[0], "back in time", SYSTEM, timedelta(hours=-1))
    with pytest.raises(NotFound):
        incidents.rotate_secret("svc_nobody", "typo", SYSTEM, timedelta(0))


def test_a_suspended_service_is_refused_and_what_it_had_stays_dead_when_it_returns(
    city, incidents, service
):
    client_id, secret = service
    before = token(city, client_id, secret)
    assert before is not None
    incidents.suspend_client(client_id, "hostile", SYSTEM)
    assert token(city, client_id, secret) is None
    assert not lives(city, before)
    incidents.resume_client(client_id, "audited", SYSTEM)
    assert not lives(city, before)
    city.clock.advance(timedelta(seconds=1))
    assert token(city, client_id, secret)
    with pytest.raises(NotFound):
        incidents.suspend_client("svc_nobody", "typo", SYSTEM)
    with pytest.raises(NotFound):
        incidents.resume_client("https://elsewhere.example", "typo", SYSTEM)


def test_everybody_is_out_but_who_asked(city, incidents, service):
    *_, last = city.importer.run(as_csv(iter(PEOPLE)), "register.csv")
    citizen = city.citizen(city.importer.persons(last.import_id)[0], "some.citizen")
    operator, officer = city.staff("operator"), city.staff("officer")
    before = token(city, *service)
    assert before is not None
    asked = operator.post("/incidents/everybody", reason="stolen")
    assert 'name="confirmed"' in asked.text
    assert citizen.get("/account").status_code == 200
    done = operator.mean_it("/incidents/everybody", reason="backup stolen")
    assert done.status_code == 303, done.text
    assert citizen.get("/account").headers["location"].startswith("/sign-in")
    assert officer.get("/desk").headers["location"].startswith("/sign-in")
    assert not lives(city, before)
    assert operator.get("/incidents?done=everybody").status_code == 200
    city.clock.advance(timedelta(seconds=1))
    after = token(city, *service)
    assert after is not None
    assert lives(city, after)


def test_one_person_is_out_and_reads_it_while_another_stays(city, incidents):
    *_, last = city.importer.run(as_csv(iter(PEOPLE)), "register.csv")
    one, other = city.importer.persons(last.import_id)
    first, second = city.citizen(one, "first.citizen"), city.citizen(other, "second.citizen")
    stopped = incidents.stop_person(one, "telephone stolen", SYSTEM)
    assert stopped.sessions == 1
    assert first.get("/account").status_code == 303
    assert second.get("/account").status_code == 200
    assert "incident.person_stopped" in city.kinds(one)
    assert "incident.person_stopped" not in city.kinds(other)
    with pytest.raises(NotFound):
        incidents.stop_person("per_nobody", "typo", SYSTEM)


def test_a_registration_changes_and_ends_on_either_database(city, service):
    client_id, secret = service
    managing = city.deployment.parts["supervision"].managing
    first = token(city, client_id, secret)
    assert first is not None
    wider = {"audiences": ["https://api.example/"]}
    managing.change(client_id, wider, "it asks more", SYSTEM)
    assert lives(city, first)
    managing.change(client_id, {"audiences": []}, "it asks less", SYSTEM)
    assert not lives(city, first)
    city.clock.advance(timedelta(seconds=1))
    second = token(city, client_id, secret)
    assert second is not None
    managing.remove(client_id, "closed", SYSTEM)
    assert not lives(city, second)
    assert token(city, client_id, secret) is None
    with pytest.raises(NotFound):
        managing.remove(client_id, "closed", SYSTEM)
