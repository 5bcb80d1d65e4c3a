"""On SQLite and on PostgreSQL: one question tells the record and the hierarchy's mark."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from foundation.runtime import Runtime
from pki import CertificateRefused, RequestRefused
from pki.path import standing
from pki.revocation.banning import ban
from pki.tables import authorities
from pki.x509.public_key import describe
from tests.support.devices import csr, found_city, new_key


def test_a_distrusted_authority_ends_at_the_next_request(any_runtime: Runtime) -> None:
    city = found_city(any_runtime)
    _, _, certificate = city.enrolled()
    assert city.authority.validate_client(certificate, city.now)
    with any_runtime.database.write() as uow:
        uow.execute(
            update(authorities).where(authorities.c.name == "devices").values(
                distrusted_at=city.now
            )
        )  # fmt: skip
    with pytest.raises(CertificateRefused) as caught:
        city.authority.validate_client(certificate, city.now)
    assert caught.value.reason == "foreign_issuer"


def test_the_mark_changes_with_a_revoked_authority_and_not_with_a_device(
    any_runtime: Runtime,
) -> None:
    city = found_city(any_runtime)
    _, _, certificate = city.enrolled()
    serial = f"{certificate.serial_number:x}"
    (devices,) = city.authority.hierarchy.named("devices")

    def mark() -> standing.Mark:
        with any_runtime.database.read() as uow:
            return standing.of(uow, serial).mark

    def revoke(which: str) -> None:
        with any_runtime.database.write() as uow:
            assert city.authority.revoke(uow, which, "superseded", city.now)

    before = mark()
    revoke(serial)
    assert mark() == before
    authority = f"{devices.certificate.serial_number:x}"
    revoke(authority)
    assert mark() != before
    with any_runtime.database.read() as uow:
        assert standing.revoked_authorities(uow) == {authority}
        assert standing.of(uow, "ff").row is None


def test_a_banned_key_is_refused_in_the_statement_that_holds_it(any_runtime: Runtime) -> None:
    city = found_city(any_runtime)
    registered, key = city.register(), new_key()
    digest = describe(key.public_key()).digest
    ban(any_runtime.database, any_runtime.audit, [digest], "leaked", city.now)
    with pytest.raises(RequestRefused, match="known to others"):
        city.enrol(registered, csr(key, registered.device.id))
    city.enrol(registered, csr(new_key(), registered.device.id))
