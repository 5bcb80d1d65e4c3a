"""Rate limits that hold across processes: a leaky bucket per (bucket, key) — GCRA.

A limit on where attempts come from binds every network around the address. One that is shared by
many parties only slows down: when it is full, each party has a small reserve of its own, and who
is known passes, so that nobody shuts out the rest by using it up.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Executable,
    LargeBinary,
    String,
    Table,
    and_,
    bindparam,
    case,
    delete,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from foundation import networks, opaque
from foundation.clock import Instant
from foundation.database import Database, UnitOfWork, metadata
from foundation.errors import TooManyRequests
from foundation.recent import Recent
from foundation.row_macs import grants_nothing

_MICROSECOND = timedelta(microseconds=1)
_APART = timedelta(seconds=2)
"""What the clocks of processes that count together may differ by, and a clock be set back."""
_LONGEST = timedelta(days=7)
"""No limit counts over more."""
_MOST_FULL = 4096

rate_limits = Table(
    "rate_limits",
    metadata,
    Column("bucket", String(64), primary_key=True),
    Column("key_digest", LargeBinary(32), primary_key=True),
    Column("empty_at", Instant, nullable=False, index=True),
)
grants_nothing(rate_limits, "a count of attempts; a right answer is needed all the same")


def _attempt(insert: Any) -> Executable:
    """Pour one drop into the bucket, unless it is full: one statement, built once."""
    level, now = rate_limits.c.empty_at, bindparam("now", type_=Instant)
    # No bucket holds more than its whole time: what says so was filled by a clock that was ahead.
    impossible = level > bindparam("at_most", type_=Instant)
    later = type_coerce(case((or_(level < now, impossible), now), else_=level), BigInteger)
    poured = later + bindparam("drop", type_=BigInteger)
    statement: Executable = (
        insert(rate_limits)
        .values(
            bucket=bindparam("of_bucket"),
            key_digest=bindparam("of_key"),
            empty_at=bindparam("first", type_=Instant),
        )
        .on_conflict_do_update(
            index_elements=["bucket", "key_digest"],
            set_={"empty_at": poured},
            where=or_(level <= bindparam("full_from", type_=Instant), impossible),
        )
        .returning(rate_limits.c.empty_at)
    )
    return statement


_ATTEMPT = {"sqlite": _attempt(sqlite.insert), "postgresql": _attempt(postgresql.insert)}
_HERE = and_(
    rate_limits.c.bucket == bindparam("of_bucket"),
    rate_limits.c.key_digest == bindparam("of_key"),
)
_LEVEL = select(rate_limits.c.empty_at).where(_HERE)
_GIVE_BACK = (
    update(rate_limits)
    .where(_HERE)
    .values(
        empty_at=type_coerce(rate_limits.c.empty_at, BigInteger)
        - bindparam("drop", type_=BigInteger)
    )
)
_FORGIVE = delete(rate_limits).where(_HERE)


def _named(bucket: str, key: str) -> dict[str, Any]:
    return {"of_bucket": bucket, "of_key": opaque.digest(f"{bucket}\0{key}")}


def _pour(bucket: str, key: str, limit: int, per: timedelta, now: datetime) -> dict[str, Any]:
    drop = per / limit
    return {
        **_named(bucket, key),
        "now": now,
        "first": now + drop,
        "drop": drop // _MICROSECOND,
        "full_from": now + per - drop,
        "at_most": now + per + _APART,
    }


def _full(bucket: str, wait: timedelta) -> TooManyRequests:
    seconds = max(1, math.ceil(wait.total_seconds()))
    return TooManyRequests("Too many attempts.", retry_after=seconds, detail=bucket)


def _reserve(bucket: str) -> str:
    return f"{bucket}/reserve"


RESERVE = 3
"""Attempts of one party in a window, while a limit that it shares with others is full."""


@dataclass(frozen=True, slots=True)
class Counted:
    """An attempt that was counted at a source: what is given back if it was right."""

    bucket: str
    source: str
    limit: int
    per: timedelta
    reserve: bool = False


class Rates:
    """Counts attempts durably. The key (an account, an address) is stored as a digest only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Until when a bucket that was seen full has no room: it only leaks, and steadily.
        self._full_until: Recent[tuple[str, str], datetime] = Recent(_MOST_FULL)

    def attempt(
        self, uow: UnitOfWork, bucket: str, key: str, limit: int, per: timedelta, now: datetime
    ) -> None:
        """Count one attempt of at most `limit` in `per`.

        Raises TooManyRequests, with the seconds to wait, when the bucket is full. The bucket
        leaks steadily, so a limit never locks anybody out for longer than `per / limit`.
        """
        values = _pour(bucket, key, limit, per, now)
        # The row stays locked from here to the commit, so two processes cannot both pass.
        if uow.one(_ATTEMPT[uow.connection.dialect.name], values) is None:
            self.room(uow, bucket, key, limit, per, now)
            raise TooManyRequests("Too many attempts.", retry_after=1, detail=bucket)

    def attempt_from(
        self,
        uow: UnitOfWork,
        bucket: str,
        source: str,
        limit: int,
        per: timedelta,
        now: datetime,
        *,
        shared: bool = False,
    ) -> Counted:
        """Count one attempt in every network around `source` that is one party's.

        `shared`: what many parties share is looked at as well, as befits guesses of strangers. It
        is filled by `wrong_from` only, so that those who are right never wait for one row. Raises
        TooManyRequests, whose `key` is the network that is full.
        """
        around = networks.around(source)
        for network in around:
            if not network.shared:
                most = int(limit * network.times)
                try:
                    self.attempt(uow, bucket, network.name, most, per, now)
                except TooManyRequests as full:
                    full.key = network.name
                    raise
        reserve = shared and self._full(uow, bucket, around, limit, per, now)
        if reserve:
            name = networks.party(source)
            try:
                self.attempt(uow, _reserve(bucket), name, min(RESERVE, limit), per, now)
            except TooManyRequests as full:
                full.detail, full.key = bucket, networks.ALL
                raise
        return Counted(bucket, source, limit, per, reserve)

    def wrong_from(
        self,
        uow: UnitOfWork,
        bucket: str,
        source: str,
        limit: int,
        per: timedelta,
        now: datetime,
    ) -> None:
        """An attempt was wrong: count it in the networks that many parties share."""
        for network in networks.around(source):
            if network.shared:
                uow.one(
                    _ATTEMPT[uow.connection.dialect.name],
                    _pour(bucket, network.name, int(limit * network.times), per, now),
                )

    def right_from(self, uow: UnitOfWork, counted: Counted) -> None:
        """An attempt was right: it gives back what it took, in the order in which it took it."""
        for network in networks.around(counted.source):
            if not network.shared:
                most = int(counted.limit * network.times)
                self.give_back(uow, counted.bucket, network.name, most, counted.per)
        if counted.reserve:
            name, most = networks.party(counted.source), min(RESERVE, counted.limit)
            self.give_back(uow, _reserve(counted.bucket), name, most, counted.per)

    def check_wrong(
        self, bucket: str, source: str, limit: int, per: timedelta, now: datetime
    ) -> None:
        """Count something that is wrong already, in a unit of work of its own."""
        with self._database.write() as uow:
            self.attempt_from(uow, bucket, source, limit, per, now, shared=True)
            self.wrong_from(uow, bucket, source, limit, per, now)

    def _full(
        self,
        uow: UnitOfWork,
        bucket: str,
        around: Iterable[networks.Network],
        limit: int,
        per: timedelta,
        now: datetime,
    ) -> bool:
        try:
            for network in around:
                if network.shared:
                    self.room(uow, bucket, network.name, int(limit * network.times), per, now)
        except TooManyRequests:
            return True
        return False

    def room(
        self, uow: UnitOfWork, bucket: str, key: str, limit: int, per: timedelta, now: datetime
    ) -> None:
        """Raises TooManyRequests where `attempt` would, and counts nothing."""
        row = uow.one(_LEVEL, _named(bucket, key))
        full_from = now + per - per / limit
        if row is not None and full_from < row.empty_at <= now + per + _APART:
            until = now + (row.empty_at - full_from)
            self._full_until.put((bucket, key), until)
            raise _full(bucket, until - now)

    def known_full(self, bucket: str, key: str, per: timedelta, now: datetime) -> None:
        """Raises TooManyRequests as long as a bucket that this process saw full cannot have room
        again: what is refused so costs no journey to the database.

        It is for a look before work that ends in the write where the attempt is counted. What
        another process gives back or forgives is not seen: of use where nobody does.
        """
        until = self._full_until.get((bucket, key))
        # A wait of more than the whole time was reckoned by a clock that was ahead.
        if until is not None and timedelta(0) < until - now <= per + _APART:
            raise _full(bucket, until - now)

    def check(self, bucket: str, key: str, limit: int, per: timedelta, now: datetime) -> None:
        """`attempt` in a unit of work of its own, so that the count survives a later refusal."""
        with self._database.write() as uow:
            self.attempt(uow, bucket, key, limit, per, now)

    def give_back(self, uow: UnitOfWork, bucket: str, key: str, limit: int, per: timedelta) -> None:
        """Take one attempt back: it was counted before its outcome was known, and was right."""
        self._full_until.forget((bucket, key))
        drop = per / limit // _MICROSECOND
        uow.execute(_GIVE_BACK, {**_named(bucket, key), "drop": drop})

    def forgive(self, uow: UnitOfWork, bucket: str, key: str) -> None:
        """Forget the attempts of one key, after a success."""
        self._full_until.forget((bucket, key))
        uow.execute(_FORGIVE, _named(bucket, key))

    def sweep(self, now: datetime) -> int:
        """Delete the buckets that have leaked empty, or can't be true; returns how many."""
        level = rate_limits.c.empty_at
        with self._database.write() as uow:
            return uow.changed(
                delete(rate_limits).where(or_(level < now, level > now + _LONGEST + _APART))
            )
