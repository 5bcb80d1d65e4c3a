"""Lists, answers and responders after a clock that was weeks ahead — RFC 5280 §5.1.2.4, §5.2.4."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509

from foundation.clock import FrozenClock
from tests.protocol.rfc5280.test_revocation_lists import delta_path, number, reason
from tests.support.devices import Town
from tests.support.status import about, beside, fetch_list, issue, place_of, revoke, serial

LEAP = timedelta(days=40)
REVOKED = x509.ocsp.OCSPCertStatus.REVOKED


@pytest.mark.rfc("5280", "5.1.2.4")
def test_a_list_of_a_clock_that_was_ahead_is_followed_by_one_of_today_with_a_higher_number(
    town: Town, clock: FrozenClock
) -> None:
    lamp = issue(town.city, "lamp")
    path = place_of(lamp)
    clock.advance(LEAP)
    revoke(town.city, lamp)
    ahead = fetch_list(town, path)
    clock.advance(-LEAP)
    today = fetch_list(town, path)
    assert today.last_update_utc <= clock.now() < today.next_update_utc  # type: ignore[operator]
    assert number(today) > number(ahead)
    assert reason(today, lamp) == reason(ahead, lamp) == "superseded"


@pytest.mark.rfc("5280", "5.2.4")
def test_a_delta_after_a_clock_that_was_ahead_tells_what_was_revoked_since(
    town: Town, clock: FrozenClock
) -> None:
    lamp = issue(town.city, "lamp")
    post = beside(town.city, lamp, "post")
    path = place_of(lamp)
    clock.advance(LEAP)
    fetch_list(town, path)
    fetch_list(town, delta_path(path))
    clock.advance(-LEAP)
    base = fetch_list(town, path)
    clock.advance(timedelta(minutes=1))
    assert revoke(town.city, post)
    delta = fetch_list(town, delta_path(path))
    says = delta.extensions.get_extension_for_class(x509.DeltaCRLIndicator).value.crl_number
    assert says <= number(base)
    assert reason(delta, post) == "superseded"


@pytest.mark.rfc("5280", "5.2.4")
def test_the_first_delta_after_a_clock_that_was_ahead_continues_no_list_of_that_day(
    town: Town, clock: FrozenClock
) -> None:
    lamp = issue(town.city, "lamp")
    path = place_of(lamp)
    clock.advance(LEAP)
    ahead = fetch_list(town, path)
    clock.advance(-LEAP)
    assert revoke(town.city, lamp)
    clock.advance(timedelta(days=1))
    delta = fetch_list(town, delta_path(path))
    says = delta.extensions.get_extension_for_class(x509.DeltaCRLIndicator).value.crl_number
    # Whoever holds that list learns of the lamp, or learns that this delta does not continue it.
    assert reason(delta, lamp) == "superseded" or says > number(ahead)


@pytest.mark.rfc("6960", "4.2.2.1")
def test_an_answer_after_a_clock_that_was_ahead_is_of_today(town: Town, clock: FrozenClock) -> None:
    lamp = issue(town.city, "lamp")
    clock.advance(LEAP)
    about(town, lamp)
    clock.advance(-LEAP)
    said = about(town, lamp)
    assert said.this_update_utc <= clock.now() < said.next_update_utc  # type: ignore[operator]
    (responder,) = said.certificates
    assert responder.not_valid_before_utc <= clock.now() < responder.not_valid_after_utc
    revoke(town.city, lamp)
    assert about(town, lamp).certificate_status is REVOKED


@pytest.mark.rfc("6960", "4.2.2.2")
def test_responders_are_renewed_again_and_again_after_a_clock_that_was_ahead(
    town: Town, clock: FrozenClock
) -> None:
    lamp = issue(town.city, "lamp")
    clock.advance(LEAP)
    town.city.authority.responders.renew(clock.now())
    clock.advance(-LEAP)
    seen = set()
    for _ in range(5):
        town.city.authority.responders.renew(clock.now())
        (responder,) = about(town, lamp).certificates
        assert responder.not_valid_before_utc <= clock.now() < responder.not_valid_after_utc
        seen.add(serial(responder))
        clock.advance(timedelta(days=25))
    assert len(seen) == 5
