"""It is the key that is known to others, not one certificate for it — RFC 5280 §5.3.1."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography import x509
from sqlalchemy import select

import pki
from foundation.errors import Problem
from foundation.runtime import Runtime
from pki.tables import banned_keys, certificates
from pki.x509.public_key import describe
from tests.support.devices import City, csr, found_city, new_key
from tests.support.status import revoke


@pytest.fixture
def city(any_runtime: Runtime) -> City:
    return found_city(any_runtime)


def states(city: City, key: Any) -> list[tuple[str, str | None]]:
    digest = describe(key.public_key()).digest
    with city.runtime.database.read() as uow:
        rows = uow.all(select(certificates).where(certificates.c.public_key == digest))
    return sorted((row.state, row.revocation_reason) for row in rows)


def test_every_certificate_for_a_compromised_key_is_revoked(city: City) -> None:
    registered, key, first = city.enrolled()
    city.devices.authenticate(first, city.now)
    issued = city.renew(first, csr(key, registered.device.id))
    second = x509.load_der_x509_certificate(issued.der)
    assert revoke(city, first, "keyCompromise")
    assert states(city, key) == [("issued", "keyCompromise")] * 2
    with pytest.raises(Problem) as refused:
        city.devices.authenticate(second, city.now)
    assert refused.value.where == "revoked"
    assert city.events().count("certificate.revoked") == 2


def test_other_keys_of_the_holder_stand(city: City) -> None:
    registered, _, first = city.enrolled()
    issued = city.renew(first, csr(new_key(), registered.device.id))
    revoke(city, first, "keyCompromise")
    second = x509.load_der_x509_certificate(issued.der)
    assert city.devices.authenticate(second, city.now).id == registered.device.id


def test_a_key_banned_between_record_and_signature_gets_no_certificate(city: City) -> None:
    registered, key = city.register(), new_key()
    issuance: Any = city.authority.issuance
    sign = issuance._sign

    def slow(*given: Any) -> bytes:
        digest = describe(key.public_key()).digest
        pki.ban_keys(city.runtime.database, city.runtime.audit, [digest], "leaked", city.now)
        der: bytes = sign(*given)
        return der

    issuance._sign = slow
    with pytest.raises(pki.RequestRefused) as refused:
        city.enrol(registered, csr(key, registered.device.id))
    assert refused.value.where == "subjectPKInfo"
    assert [state for state, _ in states(city, key)] == ["void"]


def test_what_was_begun_for_a_compromised_key_is_given_up(city: City) -> None:
    registered, key, first = city.enrolled()
    issuance: Any = city.authority.issuance
    sign = issuance._sign

    def slow(*given: Any) -> bytes:
        issuance._sign = sign
        revoke(city, first, "keyCompromise")
        der: bytes = sign(*given)
        return der

    issuance._sign = slow
    with pytest.raises(Problem):
        city.renew(first, csr(key, registered.device.id))
    assert states(city, key) == [("issued", "keyCompromise"), ("void", "keyCompromise")]


def test_eight_who_ban_the_same_keys_at_once_ban_each_of_them_once(city: City) -> None:
    keys = [f"{n:064x}" for n in range(50)]
    runtime = city.runtime

    def ban(_: int) -> int:
        return pki.ban_keys(runtime.database, runtime.audit, keys, "leaked", city.now)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ban, range(8))) == {50}
    with runtime.database.read() as uow:
        assert len(uow.all(select(banned_keys.c.public_key))) == 50
