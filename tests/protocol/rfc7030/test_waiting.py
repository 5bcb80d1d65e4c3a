"""What waits for a human is answered with 202 and Retry-After — RFC 7030 §4.2.3."""

from __future__ import annotations

import pytest
from cryptography import x509

from foundation.errors import Conflict
from foundation.web import Principal
from tests.support.devices import (
    LAMPS,
    OPERATING,
    OPERATOR,
    Town,
    certificates_in,
    csr,
    csrf_token,
    new_key,
)
from tests.support.est import ask, says_why

SERVICE = Principal("service", "cli_parks", scopes=frozenset({"devices:manage"}))


@pytest.mark.rfc("7030", "4.2.3")
def test_a_request_waits_until_an_operator_approves_and_then_succeeds(town: Town) -> None:
    registered = town.city.register(profile="device-approved")
    body = csr(new_key(), registered.device.id)
    for _ in range(20):  # more than the refusals after which others read 429
        waiting = ask(town, "simpleenroll", body, registered)
        says_why(waiting, 202, "waits_for_approval")
        assert int(waiting.headers["retry-after"]) == 15 * 60
    assert town.city.devices.credentials(registered.device.id) == []
    assert "device.enrolment_refused" not in town.city.events()
    town.city.devices.approve(registered.device.id, OPERATOR, "seen", town.city.now)
    answer = ask(town, "simpleenroll", body, registered)
    assert answer.status_code == 200, answer.text
    assert len(certificates_in(answer.content)) == 1


def test_while_it_waits_the_token_is_bound_to_no_key(town: Town) -> None:
    registered = town.city.register(profile="device-approved")
    assert ask(town, "simpleenroll", csr(new_key(), None), registered).status_code == 202
    town.city.devices.approve(registered.device.id, OPERATOR, "seen", town.city.now)
    assert ask(town, "simpleenroll", csr(new_key(), None), registered).status_code == 200


def test_what_would_be_refused_afterwards_is_refused_at_once(town: Town) -> None:
    registered = town.city.register(profile="device-approved")
    body = csr(new_key(), None, (x509.BasicConstraints(True, None), True))
    says_why(ask(town, "simpleenroll", body, registered), 400, "basicConstraints")


def test_a_renewal_and_a_new_token_wait_no_more_but_a_new_owner_does(town: Town) -> None:
    registered = town.city.register(profile="device-approved")
    device_id = registered.device.id
    town.city.devices.approve(device_id, OPERATOR, "seen", town.city.now)
    answer = ask(town, "simpleenroll", csr(new_key(), device_id), registered)
    (town.peer.certificate,) = certificates_in(answer.content)
    assert ask(town, "simplereenroll", csr(new_key(), device_id)).status_code == 200
    again = town.city.devices.new_token(device_id, OPERATOR, town.city.now)
    assert ask(town, "simpleenroll", csr(new_key(), None), again).status_code == 200
    town.peer.certificate = None
    town.city.life.transfer(device_id, OPERATOR, "sold", town.city.now)
    claimed = town.city.devices.claim(device_id, LAMPS, OPERATOR, town.city.now)
    assert ask(town, "simpleenroll", csr(new_key(), None), claimed).status_code == 202


def test_approval_is_in_the_history_and_in_the_audit_once(town: Town) -> None:
    registered = town.city.register(profile="device-approved")
    for _ in range(2):
        town.city.devices.approve(registered.device.id, OPERATOR, "seen", town.city.now)
    history = town.city.devices.history(registered.device.id)
    assert [(step.act, step.reason) for step in history][-1] == ("approve", "seen")
    assert town.city.events().count("device.approved") == 1


def test_there_is_nothing_to_approve_where_nothing_waits(town: Town) -> None:
    registered = town.city.register()
    with pytest.raises(Conflict):
        town.city.devices.approve(registered.device.id, OPERATOR, "seen", town.city.now)
    waiting = town.city.register(profile="device-approved")
    town.city.life.revoke(waiting.device.id, OPERATOR, "stolen", town.city.now)
    with pytest.raises(Conflict):
        town.city.devices.approve(waiting.device.id, OPERATOR, "seen", town.city.now)


def test_the_operator_approves_by_interface(town: Town) -> None:
    town.who["caller"] = SERVICE
    owner = {"kind": "organisation", "name": "Parks"}
    made = town.https.post(
        "/devices/v1", json={"label": "Gate", "owner": owner, "profile": "device-approved"}
    ).json()
    assert (made["device"]["profile"], made["device"]["approved_at"]) == ("device-approved", None)
    path = f"/devices/v1/{made['device']['id']}/approve"
    assert town.https.post(path, json={"reason": ""}).status_code == 422
    answer = town.https.post(path, json={"reason": "seen on its pole"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["approved_at"] is not None
    town.who["caller"] = Principal("device", made["device"]["id"])
    assert town.https.post(path, json={"reason": "I am fine"}).status_code == 403


def test_the_operator_approves_by_page(town: Town) -> None:
    town.who["caller"] = OPERATING
    registered = town.city.register(profile="device-approved")
    page = f"/devices/{registered.device.id}"
    shown = town.http.get(page).text
    assert 'id="waits"' in shown
    said = {"csrf_token": csrf_token(shown), "checked": "seen on its pole"}
    assert 'id="waits"' not in town.http.post(f"{page}/approve", data=said).text
    assert town.http.post(f"{page}/approve", data={"checked": "x"}).status_code == 403
    assert ask(town, "simpleenroll", csr(new_key(), None), registered).status_code == 200
