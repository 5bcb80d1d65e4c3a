"""What the record says of a certificate that is shown, and how the hierarchy stands: one query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Row, bindparam, case, func, select, type_coerce

from foundation.database import UnitOfWork
from pki.tables import authorities, certificates, cross_certificates

Mark = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """`row` is the certificate's own, None if we never issued it. `mark` is another one whenever an
    authority came, was distrusted or revoked, or a cross certificate came."""

    row: Row[Any] | None
    mark: Mark


_BY_A_ROOT = authorities.c.kid == authorities.c.issuer_kid
_CHANGED = (
    certificates.c.authority_kid == authorities.c.kid,
    certificates.c.status_changed_at.is_not(None),
)
# Root by root, so that the partial index of what changed is read, and never the whole table.
# A sum grows with every change, also with one that bears an earlier instant than another.
_CHANGES_OF_ROOT = (
    select(func.sum(type_coerce(certificates.c.status_changed_at, BigInteger)))
    .where(*_CHANGED)
    .correlate(authorities)
    .scalar_subquery()
)
_HIERARCHY = select(
    func.count().label("authorities"),
    func.sum(type_coerce(authorities.c.distrusted_at, BigInteger)).label("distrusted"),
    select(func.count()).select_from(cross_certificates).scalar_subquery().label("crosses"),
    func.sum(case((_BY_A_ROOT, _CHANGES_OF_ROOT))).label("changed"),
).subquery()
_STANDING = select(
    certificates.c.serial,
    certificates.c.state,
    certificates.c.holder,
    certificates.c.profile,
    certificates.c.thumbprint,
    certificates.c.revoked_at,
    certificates.c.revocation_reason,
    *_HIERARCHY.c,
).select_from(_HIERARCHY.outerjoin(certificates, certificates.c.serial == bindparam("of_serial")))
_REVOKED_AUTHORITIES = select(certificates.c.serial).where(
    *_CHANGED, _BY_A_ROOT, certificates.c.revoked_at.is_not(None)
)


def of(uow: UnitOfWork, serial: str) -> Standing:
    """How the certificate of this serial, in hex, stands."""
    row = uow.one(_STANDING, {"of_serial": serial})
    assert row is not None  # noqa: S101 - the outer join has one row, whatever is on record
    mark = (row.authorities, row.distrusted, row.crosses, row.changed)
    return Standing(row if row.serial is not None else None, mark)


def revoked_authorities(uow: UnitOfWork) -> frozenset[str]:
    """Serials of what a root certified and revoked, in hex."""
    return frozenset(row.serial for row in uow.all(_REVOKED_AUTHORITIES))
