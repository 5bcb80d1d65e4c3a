"""How often a device renews, how many certificates it has, and how it comes back — RFC 7030 §4.2.2.

Reported of others: devices that renewed in a loop until lists and databases were full, and devices
that came out of a drawer with a certificate that had ended last week, which somebody had to visit.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from httpx import Response

from device_registry import DevicesSettings, Owner, Registered, StateEvent
from device_registry.succession import MOST_LIVING
from foundation.clock import FrozenClock
from pki import PkiSettings
from tests.support import deployments
from tests.support.devices import (
    OPERATING,
    OPERATOR,
    Town,
    build_town,
    certificates_in,
    csr,
    found_city,
    new_key,
)
from tests.support.est import ask, enrolled, says_why
from tests.support.status import issue, revoke

LIFE = timedelta(days=90)
PARKS = Owner("organisation", "Parks")


def renew(town: Town, registered: Registered, shown: x509.Certificate, key: Any = None) -> Response:
    town.peer.certificate = shown
    try:
        return ask(town, "simplereenroll", csr(key or new_key(), registered.device.id))
    finally:
        town.peer.certificate = None


def got(answer: Response) -> x509.Certificate:
    assert answer.status_code == 200, answer.text
    (certificate,) = certificates_in(answer.content)
    return certificate


def living(town: Town, registered: Registered) -> list[str]:
    found = town.city.devices.credentials(registered.device.id)
    return [c.serial for c in found if c.state in ("issued", "in_use")]


def returns(town: Town, registered: Registered) -> list[StateEvent]:
    history = town.city.devices.history(registered.device.id)
    return [step for step in history if step.act == "come_back"]


# ── how often, and how many ───────────────────────────────────────────────────────────────


@pytest.mark.rfc("7030", "4.2.2")
@pytest.mark.rfc("6585", "4")
def test_a_device_that_renews_sixty_times_is_told_to_wait_and_holds_a_few(town: Town) -> None:
    registered, _, first = enrolled(town)
    answers = [renew(town, registered, first) for _ in range(60)]
    most = DevicesSettings().certificates_per_hour - 1  # and its first one
    assert [a.status_code for a in answers] == [200] * most + [429] * (60 - most)
    says_why(answers[most], 429, "renewals")
    assert all(0 < int(a.headers["retry-after"]) <= 3600 for a in answers[most:])
    assert len(living(town, registered)) == MOST_LIVING
    # The one that it shows and the newest are among them; the others are told of as ended.
    newest = got(answers[most - 1])
    assert living(town, registered)[0] == f"{newest.serial_number:x}"
    assert town.city.devices.authenticate(first, town.city.now).id == registered.device.id
    assert town.city.devices.authenticate(newest, town.city.now).id == registered.device.id
    ended = got(answers[0])
    says_why(renew(town, registered, ended), 401, "revoked")


@pytest.mark.rfc("7030", "4.2.2")
def test_each_with_the_last_one_leaves_two_certificates(town: Town) -> None:
    registered, _, shown = enrolled(town)
    for _ in range(5):
        shown = got(renew(town, registered, shown))
    assert len(living(town, registered)) == 2, "the one that was shown, and the new one"


def test_after_the_time_that_was_named_the_device_renews_again(
    town: Town, clock: FrozenClock
) -> None:
    registered, _, first = enrolled(town)
    answers = [renew(town, registered, first) for _ in range(12)]
    assert answers[-1].status_code == 429
    clock.advance(timedelta(seconds=int(answers[-1].headers["retry-after"]) - 1))
    assert renew(town, registered, first).status_code == 429
    clock.advance(timedelta(seconds=1))
    assert renew(town, registered, first).status_code == 200


def test_another_device_is_not_held_up_and_a_repeat_of_the_last_request_is_answered(
    town: Town,
) -> None:
    registered, _, first = enrolled(town)
    key = new_key()
    for _ in range(10):
        renew(town, registered, first)
    last = got(renew(town, registered, first, key))
    assert renew(town, registered, first).status_code == 429
    # The answer was lost: the same request gets the same certificate, however full the hour is.
    assert got(renew(town, registered, first, key)) == last
    other, _, certificate = enrolled(town)
    assert renew(town, other, certificate).status_code == 200


@pytest.mark.rfc("7030", "4.4.1")
def test_keys_made_here_are_not_made_without_end(town: Town) -> None:
    # The token binds to the first request; each repeat of it makes another key.
    registered = town.city.register(profile="device-made-here")
    body = csr(new_key(), registered.device.id)
    answers = [ask(town, "serverkeygen", body, registered) for _ in range(20)]
    assert {a.status_code for a in answers[12:]} == {429}
    assert len(living(town, registered)) == MOST_LIVING


def test_a_request_whose_certificate_was_replaced_is_told_to_come_with_a_new_key(
    town: Town,
) -> None:
    registered, _, first = enrolled(town)
    key = new_key()
    got(renew(town, registered, first, key))
    for _ in range(5):
        got(renew(town, registered, first))
    answer = renew(town, registered, first, key)
    says_why(answer, 403, "certificate_superseded")
    assert "new key" in answer.text


def test_a_further_certificate_is_bounded_by_itself_and_ends_none_of_the_own_kind(
    town: Town,
) -> None:
    registered, _, own = enrolled(town)
    now = town.city.now
    plan = town.city.devices.change_overs.plan("device-short", now, now, OPERATOR, now)
    town.city.devices.change_overs.act(plan.id, "run", OPERATOR, now)
    town.peer.certificate = own
    for _ in range(6):
        body = csr(new_key(), registered.device.id)
        got(ask(town, "simpleenroll", body, label="devices-short"))
    found = town.city.devices.credentials(registered.device.id)
    kinds = sorted(c.profile for c in found if c.state in ("issued", "in_use"))
    assert kinds == ["device"] + ["device-short"] * MOST_LIVING


# ── coming back late ──────────────────────────────────────────────────────────────────────


@pytest.mark.rfc("7030", "4.2.2")
def test_a_device_that_was_away_renews_by_its_old_key_and_everybody_sees_it(
    town: Town, clock: FrozenClock
) -> None:
    registered, _, old = enrolled(town)
    clock.advance(LIFE + timedelta(days=20))
    new = got(renew(town, registered, old))
    assert town.city.devices.authenticate(new, town.city.now).id == registered.device.id
    (step,) = returns(town, registered)
    assert f"{old.not_valid_after_utc:%Y-%m-%d}" in step.reason
    assert step.actor_kind == "device"
    assert town.city.events().count("device.came_back") == 1
    town.who["caller"] = OPERATING
    page = town.https.get("/devices").text
    assert 'id="came-back"' in page
    assert page.count(f'href="/devices/{registered.device.id}"') == 2
    assert "come back" in town.https.get(f"/devices/{registered.device.id}").text
    whole = town.https.get(f"/devices/v1/{registered.device.id}").json()
    assert whole["history"][-1]["act"] == "come_back"
    assert whole["state"] == "active"


def test_a_device_that_renews_in_time_does_not_come_back_late(town: Town) -> None:
    registered, _, old = enrolled(town)
    got(renew(town, registered, old))
    assert returns(town, registered) == []
    town.who["caller"] = OPERATING
    assert 'id="came-back"' not in town.https.get("/devices").text


def test_a_certificate_that_a_clock_made_which_was_ahead_renews_itself_and_opens_no_other_door(
    town: Town, clock: FrozenClock
) -> None:
    ahead = timedelta(days=40)
    clock.advance(ahead)
    registered, _, first = enrolled(town)
    clock.advance(-ahead)
    town.peer.certificate = first
    own = town.http.get("/devices/v1/self")
    town.peer.certificate = None
    assert own.status_code == 401
    second = got(renew(town, registered, first))
    assert second.not_valid_before_utc <= clock.now() < second.not_valid_after_utc
    assert town.city.devices.authenticate(second, clock.now()).id == registered.device.id
    assert returns(town, registered) == []
    says_why(renew(town, registered, first), 401, "revoked")  # the newer one was shown


def test_the_expired_certificate_opens_no_other_door(town: Town, clock: FrozenClock) -> None:
    registered, _, old = enrolled(town)
    clock.advance(LIFE + timedelta(days=1))
    town.peer.certificate = old
    body = csr(new_key(), registered.device.id)
    says_why(ask(town, "simpleenroll", body), 401, "expired")
    with pytest.raises(Exception, match="expired"):
        town.city.devices.authenticate(old, town.city.now)


def test_after_the_grace_only_a_token_helps_and_the_answer_names_the_days(
    town: Town, clock: FrozenClock
) -> None:
    registered, _, old = enrolled(town)
    clock.advance(LIFE + timedelta(days=31))
    answer = renew(town, registered, old)
    says_why(answer, 401, "expired")
    assert len(re.findall(r"\d{4}-\d\d-\d\d", answer.text)) == 2
    assert "enrolment token" in answer.text
    token = town.city.devices.new_token(registered.device.id, OPERATOR, town.city.now)
    got(ask(town, "simpleenroll", csr(new_key(), registered.device.id), token))


def test_without_a_grace_an_expired_certificate_renews_nothing(
    clock: FrozenClock, tmp_path: Path
) -> None:
    settings = deployments.settings_in(tmp_path, PkiSettings(renewal_grace_days=0))
    strict = deployments.build_runtime(settings, clock)
    town = build_town(found_city(strict))
    registered, _, old = enrolled(town)
    clock.advance(LIFE + timedelta(seconds=1))
    says_why(renew(town, registered, old), 401, "expired")
    strict.close()


@pytest.mark.parametrize("act", ["revoked", "suspend", "transfer", "revoke", "decommission"])
def test_nobody_comes_back_who_was_revoked_or_changed_hands(
    town: Town, clock: FrozenClock, act: str
) -> None:
    registered, _, old = enrolled(town)
    if act == "revoked":
        assert revoke(town.city, old, "keyCompromise")
    else:
        town.city.life.act(act, registered.device.id, OPERATOR, "because", town.city.now)
    clock.advance(LIFE + timedelta(days=1))
    answer = renew(town, registered, old)
    assert answer.status_code in (401, 403), answer.text
    assert re.search(r"Where: (revoked|suspended)\n", answer.text), answer.text
    assert returns(town, registered) == []


def test_a_certificate_that_was_replaced_before_it_ended_does_not_come_back(
    town: Town, clock: FrozenClock
) -> None:
    registered, _, old = enrolled(town)
    new = got(renew(town, registered, old))
    town.city.devices.authenticate(new, town.city.now)
    clock.advance(LIFE + timedelta(days=1))
    says_why(renew(town, registered, old), 401, "revoked")
    got(renew(town, registered, new))


def test_a_holder_that_is_no_device_does_not_come_back(town: Town, clock: FrozenClock) -> None:
    stray = issue(town.city, "nobody")
    clock.advance(LIFE + timedelta(days=1))
    town.peer.certificate = stray
    says_why(ask(town, "simplereenroll", csr(new_key(), "nobody")), 403, "not_a_device")


# ── changing hands ────────────────────────────────────────────────────────────────────────


@pytest.mark.row("devices", "5.1")
def test_a_new_owners_token_takes_no_key_that_the_device_had_before(town: Town) -> None:
    registered, first_key, first = enrolled(town)
    second_key = new_key()
    second = got(renew(town, registered, first, second_key))
    town.city.devices.authenticate(second, town.city.now)  # the first one is superseded
    device = registered.device.id
    town.city.life.transfer(device, OPERATOR, "sold", town.city.now)
    claimed = town.city.devices.claim(device, PARKS, OPERATOR, town.city.now)
    for key in (first_key, second_key):
        answer = ask(town, "simpleenroll", csr(key, device), claimed)
        says_why(answer, 400, "subjectPKInfo")
        assert "changed hands" in answer.text
    # The token was not spent on them; a repeat with the new key leads to the same certificate.
    key = new_key()
    new = got(ask(town, "simpleenroll", csr(key, device), claimed))
    assert got(ask(town, "simpleenroll", csr(key, device), claimed)) == new
    assert got(renew(town, registered, new, key)).public_key() == key.public_key()
    says_why(renew(town, registered, new, first_key), 400, "subjectPKInfo")


def test_the_same_owner_may_keep_the_key_with_a_new_token(town: Town) -> None:
    registered, key, _ = enrolled(town)
    token = town.city.devices.new_token(registered.device.id, OPERATOR, town.city.now)
    got(ask(town, "simpleenroll", csr(key, registered.device.id), token))
