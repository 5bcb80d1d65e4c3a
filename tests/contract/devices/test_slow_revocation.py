"""A revocation that takes long: every list afterwards names what it changed — RFC 5280 §5.2.4."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from sqlalchemy import select

from foundation.audit import SYSTEM
from foundation.clock import FrozenClock
from foundation.runtime import Runtime
from pki import COMPLETE, Caller, Selection
from pki.tables import certificates
from tests.support.devices import OPERATOR, City, csr, found_city, new_key
from tests.support.status import beside, issue, issuer_of, serial

LONG = timedelta(minutes=11)
"""Longer than the time that lists look back."""


@pytest.fixture
def city(any_runtime: Runtime) -> City:
    return found_city(any_runtime)


def listed(city: City, certificate: x509.Certificate) -> bool:
    partition = certificate.serial_number % issuer_of(city, certificate).partitions
    made = city.authority.lists.part("devices-1", partition, COMPLETE, city.now)
    number = certificate.serial_number
    return (
        x509.load_der_x509_crl(made.der).get_revoked_certificate_by_serial_number(number)
        is not None
    )


def test_each_batch_bears_the_instant_at_which_it_was_written(
    city: City, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pki.revocation.mass_revocation.BATCH", 1)
    first = issue(city, "lamp")
    second = beside(city, first, "lamp")
    both = sorted((first, second), key=serial)

    def wait(done: int) -> None:
        assert [listed(city, one) for one in both] == [True, done == 2]
        clock.advance(LONG)
        listed(city, first)  # and a list is made in between

    wanted = Selection(serials=(serial(both[0]), serial(both[1])))
    assert city.authority.mass_revocation.revoke(wanted, "superseded", SYSTEM, clock, wait) == 2


def test_so_does_each_batch_of_second_certificates_that_are_taken_back(
    city: City, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device_registry.changing_over.BATCH", 1)
    change_overs, began = city.devices.change_overs, city.now
    change_over = change_overs.plan("device-short", began, began, OPERATOR, began)
    change_overs.act(change_over.id, "run", OPERATOR, began)
    for _ in range(2):
        registered, _, certificate = city.enrolled()
        valid = city.authority.validate_client(certificate, city.now)
        body = csr(new_key(), registered.device.id)
        city.pki.enrol(Caller(certificate=valid), body, city.now, "device-short")
    change_overs.act(change_over.id, "undo", OPERATOR, city.now)
    for _ in change_overs.take_back(change_over.id, clock):
        clock.advance(LONG)
    with city.runtime.database.read() as uow:
        query = select(certificates.c.revoked_at).where(certificates.c.profile == "device-short")
        instants = {row.revoked_at for row in uow.all(query)}
    assert instants == {began, began + LONG}
