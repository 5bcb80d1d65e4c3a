"""Queries of the years ahead: what ends, what has not begun, and how much depends on whom."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import BigInteger, cast, func, select, type_coerce

from foundation.database import UnitOfWork
from pki.tables import certificates, revocation_lists


def ending(uow: UnitOfWork, now: datetime) -> list[tuple[date, str, int]]:
    """How many good certificates end on each day ahead, by profile."""
    day = timedelta(days=1) // timedelta(microseconds=1)
    # Instants are integer microseconds, so a day is a division.
    number = cast(type_coerce(certificates.c.not_after, BigInteger) / day, BigInteger)
    rows = uow.all(
        select(number.label("day"), certificates.c.profile, func.count().label("n"))
        .where(certificates.c.state == "issued", certificates.c.revoked_at.is_(None))
        .where(certificates.c.not_after > now)
        .group_by(number, certificates.c.profile)
    )
    return [(date(1970, 1, 1) + timedelta(days=int(row.day)), row.profile, row.n) for row in rows
            if row.day < _LAST_DAY]  # fmt: skip


def not_begun(uow: UnitOfWork, now: datetime) -> list[tuple[str, int, datetime]]:
    """Good certificates that begin later, by profile: how many, and when the first begins.

    Not those of responders: they are made anew by themselves.
    """
    rows = uow.all(
        select(
            certificates.c.profile,
            func.count().label("n"),
            func.min(certificates.c.not_before).label("first"),
        )
        .where(certificates.c.state == "issued", certificates.c.revoked_at.is_(None))
        .where(certificates.c.not_before > now, certificates.c.profile != "ocsp")
        .group_by(certificates.c.profile)
        .order_by(certificates.c.profile)
    )
    return [(row.profile, row.n, row.first) for row in rows]


# A maker's certificate ends in the year 9999, which is no month ahead of anybody.
_LAST_DAY = (date(9000, 1, 1) - date(1970, 1, 1)).days


def lists_end(uow: UnitOfWork) -> dict[str, datetime]:
    """Until when the complete list of each authority may be relied on, by kid."""
    rows = uow.all(
        select(
            revocation_lists.c.authority_kid, func.min(revocation_lists.c.next_update).label("e")
        )
        .where(revocation_lists.c.kind == "complete")
        .group_by(revocation_lists.c.authority_kid)
    )
    return {row.authority_kid: row.e for row in rows}


def good_under(uow: UnitOfWork, authority_kid: str, now: datetime) -> int:
    """How many good certificates an authority has out, its own responder's aside."""
    row = uow.one(
        select(func.count().label("n")).where(
            certificates.c.authority_kid == authority_kid,
            certificates.c.state == "issued",
            certificates.c.revoked_at.is_(None),
            certificates.c.not_after > now,
            certificates.c.profile != "ocsp",
        )
    )
    return row.n if row is not None else 0
