"""Rate limits that hold across processes: a leaky bucket per (bucket, key) — GCRA."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from sqlalchemy import Column, LargeBinary, String, Table, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from foundation import opaque
from foundation.clock import Instant
from foundation.database import Database, UnitOfWork, metadata
from foundation.errors import TooManyRequests

rate_limits = Table(
    "rate_limits",
    metadata,
    Column("bucket", String(64), primary_key=True),
    Column("key_digest", LargeBinary(32), primary_key=True),
    Column("empty_at", Instant, nullable=False, index=True),
)


class Rates:
    """Counts attempts durably. The key (an account, an address) is stored as a digest only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def attempt(
        self, uow: UnitOfWork, bucket: str, key: str, limit: int, per: timedelta, now: datetime
    ) -> None:
        """Count one attempt of at most `limit` in `per`.

        Raises TooManyRequests, with the seconds to wait, when the bucket is full. The bucket
        leaks steadily, so a limit never locks anybody out for longer than `per / limit`.
        """
        digest = opaque.digest(f"{bucket}\0{key}")
        drop = per / limit
        insert = postgresql.insert if uow.connection.dialect.name == "postgresql" else sqlite.insert
        uow.execute(
            insert(rate_limits)
            .values(bucket=bucket, key_digest=digest, empty_at=now)
            .on_conflict_do_nothing()
        )
        here = (rate_limits.c.bucket == bucket) & (rate_limits.c.key_digest == digest)
        # The row stays locked from here to the commit, so two processes cannot both pass.
        leaked = here & (rate_limits.c.empty_at < now)
        uow.execute(update(rate_limits).where(leaked).values(empty_at=now))
        row = uow.one(select(rate_limits.c.empty_at).where(here).with_for_update())
        empty_at: datetime = row.empty_at if row is not None else now
        if empty_at - now > per - drop:
            wait = math.ceil((empty_at - now - (per - drop)).total_seconds())
            raise TooManyRequests("Too many attempts.", retry_after=max(1, wait), detail=bucket)
        uow.execute(update(rate_limits).where(here).values(empty_at=empty_at + drop))

    def check(self, bucket: str, key: str, limit: int, per: timedelta, now: datetime) -> None:
        """`attempt` in a unit of work of its own, so that the count survives a later refusal."""
        with self._database.write() as uow:
            self.attempt(uow, bucket, key, limit, per, now)

    def give_back(
        self, uow: UnitOfWork, bucket: str, key: str, limit: int, per: timedelta
    ) -> None:
        """Take one attempt back: it was counted before its outcome was known, and was right."""
        digest = opaque.digest(f"{bucket}\0{key}")
        here = (rate_limits.c.bucket == bucket) & (rate_limits.c.key_digest == digest)
        row = uow.one(select(rate_limits.c.empty_at).where(here).with_for_update())
        if row is not None:
            uow.execute(update(rate_limits).where(here).values(empty_at=row.empty_at - per / limit))

    def forgive(self, uow: UnitOfWork, bucket: str, key: str) -> None:
        """Forget the attempts of one key, after a success."""
        digest = opaque.digest(f"{bucket}\0{key}")
        uow.execute(
            delete(rate_limits).where(
                rate_limits.c.bucket == bucket, rate_limits.c.key_digest == digest
            )
        )

    def sweep(self, now: datetime) -> int:
        """Delete the buckets that have leaked empty; returns how many."""
        with self._database.write() as uow:
            return uow.changed(delete(rate_limits).where(rate_limits.c.empty_at < now))
