"""A device's certificates follow one another, on either database and from several processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from sqlalchemy import select

from device_registry import Owner
from device_registry.succession import MOST_LIVING
from foundation.clock import FrozenClock
from foundation.errors import Problem
from foundation.runtime import Runtime
from pki import Caller, RequestRefused
from pki.tables import certificates
from tests.support.devices import OPERATOR, City, csr, found_city, new_key, same_city

PARKS = Owner("organisation", "Parks")


@pytest.fixture
def city(any_runtime: Runtime) -> City:
    return found_city(any_runtime)


def test_of_sixteen_renewals_at_once_as_many_succeed_as_an_hour_allows(city: City) -> None:
    registered, _, old = city.enrolled()
    cities = [city, same_city(city.runtime)]
    bodies = [csr(new_key(), registered.device.id) for _ in range(16)]

    def one(n: int) -> Any:
        try:
            return cities[n % 2].renew(old, bodies[n]).serial
        except Problem as refusal:
            return refusal.where

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(16)))
    assert answers.count("renewals") == 16 - (city.devices.settings.certificates_per_hour - 1)
    found = city.devices.credentials(registered.device.id)
    living = [c.serial for c in found if c.state in ("issued", "in_use")]
    assert len(living) == MOST_LIVING
    assert f"{old.serial_number:x}" in living
    with city.runtime.database.read() as uow:
        c = certificates.c
        good = uow.all(
            select(c.serial).where(
                c.profile == "device", c.state == "issued", c.revoked_at.is_(None)
            )
        )
    assert sorted(row.serial for row in good) == sorted(living)


@pytest.mark.row("devices", "5.1")
def test_a_key_from_before_a_transfer_gets_no_certificate_and_spends_no_token(city: City) -> None:
    registered, old_key, _ = city.enrolled()
    device = registered.device.id
    city.life.transfer(device, OPERATOR, "sold", city.now)
    claimed = city.devices.claim(device, PARKS, OPERATOR, city.now)
    with pytest.raises(RequestRefused, match="changed hands"):
        city.enrol(claimed, csr(old_key, device))
    key = new_key()
    first = city.enrol(claimed, csr(key, device))
    assert city.enrol(claimed, csr(key, device)) == first
    # Transferred once more, the second owner's key is one from before, too.
    city.life.transfer(device, OPERATOR, "sold again", city.now)
    claimed = city.devices.claim(device, PARKS, OPERATOR, city.now)
    with pytest.raises(RequestRefused, match="changed hands"):
        city.enrol(claimed, csr(key, device))


def test_a_device_that_comes_back_late_is_found_by_the_operator(
    city: City, clock: FrozenClock
) -> None:
    registered, _, old = city.enrolled()
    clock.advance(timedelta(days=100))
    city.devices.mark_renewals(city.now)
    valid = city.authority.validate_renewal(old, city.now)
    issued = city.pki.renew(
        Caller(certificate=valid), csr(new_key(), registered.device.id), city.now
    )
    new = x509.load_der_x509_certificate(issued.der)
    assert city.devices.authenticate(new, city.now).state == "active"
    (found,) = city.devices.came_back(city.now)
    assert (found.device_id, found.at) == (registered.device.id, city.now)
    acts = [step.act for step in city.devices.history(registered.device.id)]
    assert acts[-3:] == ["fall_due", "renew", "come_back"]
    clock.advance(timedelta(days=31))
    assert city.devices.came_back(city.now) == []
