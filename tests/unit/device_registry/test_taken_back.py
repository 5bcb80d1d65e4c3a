"""What an issuance rests on may be taken back before it is done — RFC 7030 §4.2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509

from device_registry import Owner
from foundation.errors import Problem
from foundation.runtime import Runtime
from pki import Caller
from tests.support.devices import OPERATOR, City, csr, found_city, new_key, same_city
from tests.support.status import revoke

NEW_OWNER = Owner("organisation", "New owner")


@pytest.fixture
def city(any_runtime: Runtime) -> City:
    return found_city(any_runtime)


def while_signing(city: City, happens: Callable[[], object]) -> None:
    """Let something happen between the record of the next serial and its certificate."""
    issuance: Any = city.authority.issuance
    sign = issuance._sign

    def slow(*given: Any) -> bytes:
        issuance._sign = sign
        happens()
        der: bytes = sign(*given)
        return der

    issuance._sign = slow


def hand_on(city: City, device_id: str) -> Any:
    city.life.transfer(device_id, OPERATOR, "sold", city.now)
    return city.devices.claim(device_id, NEW_OWNER, OPERATOR, city.now)


def test_an_enrolment_that_the_old_owner_began_gives_no_certificate(city: City) -> None:
    registered = city.register()
    device_id = registered.device.id
    while_signing(city, lambda: hand_on(city, device_id))
    with pytest.raises(Problem):
        city.enrol(registered, csr(new_key(), device_id))
    assert city.devices.credentials(device_id) == []
    assert city.devices.get(device_id).state == "claimed"
    assert "certificate.voided" in city.events()


def test_a_crash_before_the_sale_leaves_nothing_that_the_next_start_completes(city: City) -> None:
    registered = city.register()
    device_id = registered.device.id

    def crash() -> None:
        raise SystemError("power cut")

    while_signing(city, crash)
    with pytest.raises(SystemError):
        city.enrol(registered, csr(new_key(), device_id))
    hand_on(city, device_id)
    settled = same_city(city.runtime).pki.complete_or_void(city.now)
    assert settled.completed == 0
    assert city.devices.credentials(device_id) == []


def test_a_withdrawn_token_completes_nothing_even_where_its_serial_still_waits(city: City) -> None:
    registered = city.register()
    device_id = registered.device.id
    while_signing(city, lambda: city.devices.new_token(device_id, OPERATOR, city.now))
    with pytest.raises(Problem) as refused:
        city.enrol(registered, csr(new_key(), device_id))
    assert refused.value.where == "token_expired"
    assert city.devices.credentials(device_id) == []
    assert city.devices.get(device_id).state == "claimed"


def test_a_renewal_that_the_old_owner_began_gives_no_certificate(city: City) -> None:
    registered, _, old = city.enrolled()
    device_id = registered.device.id
    valid = city.authority.validate_client(old, city.now)

    def sold_and_enrolled_anew() -> None:
        city.enrol(hand_on(city, device_id), csr(new_key(), device_id))

    # The sale comes after the certificate was looked at, and before anything is on record.
    sold_and_enrolled_anew()
    with pytest.raises(Problem) as refused:
        city.pki.renew(Caller(certificate=valid), csr(new_key(), device_id), city.now)
    assert refused.value.where == "certificate_revoked"
    assert [c.state for c in city.devices.credentials(device_id)] == ["issued", "revoked"]


def test_a_renewal_ends_with_the_certificate_that_it_rests_on(city: City) -> None:
    registered, _, old = city.enrolled()
    while_signing(city, lambda: revoke(city, old, "keyCompromise"))
    with pytest.raises(Problem) as refused:
        city.renew(old, csr(new_key(), registered.device.id))
    assert refused.value.where == "certificate_revoked"


def test_a_token_that_is_spent_and_stands_completes_its_issuance(city: City) -> None:
    registered = city.register()
    body = csr(new_key(), registered.device.id)
    first = city.enrol(registered, body)
    assert city.enrol(registered, body).serial == first.serial
    certificate = x509.load_der_x509_certificate(first.der)
    assert city.devices.authenticate(certificate, city.now).state == "active"


def test_a_change_over_that_is_undone_meanwhile_gives_no_further_certificate(city: City) -> None:
    registered, _, first = city.enrolled()
    device_id, change_overs = registered.device.id, city.devices.change_overs
    change_over = change_overs.plan("device-short", city.now, city.now, OPERATOR, city.now)
    change_overs.act(change_over.id, "run", OPERATOR, city.now)

    def undo() -> None:
        change_overs.act(change_over.id, "undo", OPERATOR, city.now)
        assert list(change_overs.take_back(change_over.id, city.runtime.clock)) == []

    valid = city.authority.validate_client(first, city.now)
    while_signing(city, undo)
    with pytest.raises(Problem) as refused:
        city.pki.enrol(Caller(certificate=valid), csr(new_key(), device_id), city.now,
                       "device-short")  # fmt: skip
    assert refused.value.where == "label_not_allowed"
    assert [c.profile for c in city.devices.credentials(device_id)] == ["device"]


def test_a_token_whose_made_key_was_used_leads_to_no_other_after_a_renewal(city: City) -> None:
    registered = city.register(profile="device-made-here")
    body = csr(new_key(), registered.device.id)
    caller = Caller(registered.device.id, registered.token, None, "192.0.2.1")
    first, _ = city.pki.enrol_with_key(caller, body, city.now)
    certificate = x509.load_der_x509_certificate(first.der)
    city.devices.authenticate(certificate, city.now)
    valid = city.authority.validate_client(certificate, city.now)
    city.pki.enrol_with_key(Caller(certificate=valid), body, city.now)
    with pytest.raises(Problem) as refused:
        city.pki.enrol_with_key(caller, body, city.now)
    assert refused.value.where == "token_used"
