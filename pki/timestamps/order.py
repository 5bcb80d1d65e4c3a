"""Each stamp later than all before it, whichever process makes it — RFC 3161 §2.4.2, ordering.

One row holds the instant of the last one; the next takes the present, or a microsecond more. So
the instant is also a number that no other stamp has.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, case, literal, type_coerce, update
from sqlalchemy.dialects import postgresql, sqlite

from foundation.clock import Instant, microseconds
from foundation.database import UnitOfWork
from pki.tables import last_time_stamp
from pki.timestamps.request import Refused

_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_RANDOM_BITS = 64


def take(uow: UnitOfWork, now: datetime, within: timedelta) -> datetime:
    """The instant of the next stamp: `now`, or just after the last one.

    Raises Refused where the last one was more than `within` later than now: the clock was set
    back, and which of its times is wrong nobody knows.
    """
    c = last_time_stamp.c
    last, present = type_coerce(c.at, BigInteger), literal(microseconds(now), BigInteger)
    later = case((last < present, present), else_=last + 1)
    moved = (
        update(last_time_stamp)
        .where(c.id == 1, c.at <= literal(now + within, Instant))
        .values(at=later)
        .returning(c.at)
    )
    found = uow.one(moved)
    if found is None and _begin(uow, now):
        return now
    if found is None:
        raise Refused("timeNotAvailable", "The clock is behind the last stamp that was made.")
    at: datetime = found.at
    return at


def _begin(uow: UnitOfWork, now: datetime) -> bool:
    """The first of all makes the row."""
    insert = _INSERT[uow.connection.dialect.name]
    return (
        uow.changed(
            insert(last_time_stamp)
            .values(id=1, at=now)
            .on_conflict_do_nothing(index_elements=["id"])
        )
        == 1
    )


def serial(at: datetime) -> int:
    """A number that no other stamp of ours has, also where a database was restored: what the
    instant tells, and chance."""
    return microseconds(at) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
