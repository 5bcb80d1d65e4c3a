"""Periodic work and leased durable jobs, run by `serve` or by `civitas work`; each idempotent."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Integer, String, Table, Text, bindparam, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from foundation import opaque
from foundation.clock import Clock, Instant
from foundation.database import Database, Json, UnitOfWork, metadata
from foundation.row_macs import bound, grants_nothing

log = logging.getLogger("civitas.jobs")
LEASE = timedelta(minutes=2)
MOST_ATTEMPTS = 12
TRY_AGAIN = timedelta(seconds=5)
"""After this long periodic work that failed is done again, however seldom it is due."""
_LONGEST_PAUSE = timedelta(hours=1)
_APART = timedelta(seconds=30)
"""What the clocks of processes may differ by without a success of the other's being no success."""

periodic_work = Table(
    "periodic_work",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("due_at", Instant, nullable=False),
    Column("last_success", Instant),
    Column("last_error", Text),
)
grants_nothing(periodic_work, "it says when, and never what")

durable_jobs = Table(
    "durable_jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(64), nullable=False),
    Column("payload", Json, nullable=False),
    Column("run_at", Instant, nullable=False, index=True),
    Column("attempts", Integer, nullable=False, default=0),
    Column("last_error", Text),
)
bound(durable_jobs, "kind", "payload", remembered=False)

# Asked four times a second, whatever else there is to do: built once.
_DUE_AT = select(periodic_work.c.due_at).where(periodic_work.c.name == bindparam("work"))
# Nothing is put off for longer than its own time: what says so was written by a clock that was
# ahead, and is due now.
_LEASE = (
    update(periodic_work)
    .where(
        periodic_work.c.name == bindparam("work"),
        or_(
            periodic_work.c.due_at <= bindparam("now"),
            periodic_work.c.due_at > bindparam("at_most"),
        ),
    )
    .values(due_at=bindparam("until"))
)
_DUE_JOB = (
    select(durable_jobs)
    .where(
        or_(
            durable_jobs.c.run_at <= bindparam("now"),
            durable_jobs.c.run_at > bindparam("at_most"),
        )
    )
    .where(durable_jobs.c.kind.in_(bindparam("kinds", expanding=True)))
    .where(durable_jobs.c.attempts < MOST_ATTEMPTS)
    .order_by(durable_jobs.c.run_at)
    .limit(1)
)


@dataclass(frozen=True)
class Periodic:
    """Work done `every` so often by one process at a time."""

    name: str
    every: timedelta
    work: Callable[[], object]

    @property
    def longest(self) -> timedelta:
        """No process puts it off for longer, be it by a success or by a lease."""
        return max(self.every, LEASE)


@dataclass
class _Here:
    """Work of this process alone, `every` so many seconds."""

    every: float
    work: Callable[[], object]
    done_at: float

    def run(self) -> None:
        if time.monotonic() - self.done_at >= self.every:
            self.done_at = time.monotonic()
            self.work()


@dataclass(frozen=True)
class Health:
    """What `/readyz` tells of one periodic work."""

    name: str
    last_success: datetime | None
    late: bool


class Jobs:
    """The deployment's work beside its answers."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._periodic: dict[str, Periodic] = {}
        self._handlers: dict[str, Callable[[Mapping[str, Any]], object]] = {}
        # When to look at each periodic work again: the database is asked no more often.
        self._look_at: dict[str, datetime] = {}
        self._outcomes: dict[str, Mapping[str, Any]] = {}
        self._here: list[_Here] = []

    def periodic(self, name: str, every: timedelta, work: Callable[[], object]) -> None:
        self._periodic[name] = Periodic(name, every, work)

    def here(self, every: timedelta, work: Callable[[], object]) -> None:
        """Work that each process does for itself, by a clock that nobody sets. It may fail."""
        self._here.append(_Here(every.total_seconds(), work, time.monotonic()))

    def handler(self, kind: str, work: Callable[[Mapping[str, Any]], object]) -> None:
        self._handlers[kind] = work

    def enqueue(
        self,
        uow: UnitOfWork,
        kind: str,
        payload: Mapping[str, Any],
        run_at: datetime | None = None,
    ) -> str:
        """Promise to run `kind`'s handler at least once after the caller's commit."""
        job_id = opaque.identifier("job")
        uow.execute(
            durable_jobs.insert().values(
                id=job_id,
                kind=kind,
                payload=dict(payload),
                run_at=run_at or self._clock.now(),
                attempts=0,
            )
        )
        return job_id

    def run_once(self) -> int:
        """Do all that is due now; returns how many pieces of the deployment's work were done."""
        for here in self._here:
            here.run()
        self._record_outcomes()
        done = sum(self._run_periodic(p) for p in self._periodic.values())
        while (job := self._lease_job()) is not None:
            done += self._run_job(*job)
        return done

    def run_until(self, stop: threading.Event, pause: float = 0.25) -> None:
        """Work until `stop` is set. A database that is away is waited for."""
        while not stop.is_set():
            try:
                worked = self.run_once()
            except SQLAlchemyError as error:
                log.warning("jobs wait for the database: %s", error)
                worked = 0
                stop.wait(2)
            except Exception:  # whatever it is: this thread is the only one that works
                log.exception("jobs cannot be looked for")
                worked = 0
                stop.wait(2)
            if not worked:
                stop.wait(pause)

    def beat(self) -> None:
        """A write that is committed, to know that the database takes any."""
        now = self._clock.now()
        insert = postgresql.insert if self._database.dialect == "postgresql" else sqlite.insert
        row = insert(periodic_work).values(name="readiness", due_at=now, last_success=now)
        again = row.on_conflict_do_update(index_elements=["name"], set_={"last_success": now})
        with self._database.write() as uow:
            uow.execute(again)

    def health(self) -> list[Health]:
        now = self._clock.now()
        with self._database.read() as uow:
            seen = {row.name: row for row in uow.all(select(periodic_work))}
        report = []
        for work in self._periodic.values():
            row = seen.get(work.name)
            last = row.last_success if row else None
            late = last is not None and not (
                -_APART <= now - last <= max(3 * work.every, timedelta(seconds=30))
            )
            report.append(Health(work.name, last, late or bool(row and row.last_error)))
        return report

    def _run_periodic(self, periodic: Periodic) -> int:
        now = self._clock.now()
        look_at = self._look_at.get(periodic.name)
        if look_at is not None and now < look_at <= now + periodic.every:
            return 0
        with self._database.read() as uow:
            row = uow.one(_DUE_AT, {"work": periodic.name})
        if row is not None and now < row.due_at <= now + periodic.longest:
            # Another process may be at it now, with a lease: look again when it should be over.
            self._look_at[periodic.name] = min(row.due_at, now + periodic.every)
            return 0
        if not self._lease_periodic(periodic, now, known=row is not None):
            return 0
        error: str | None = None
        try:
            periodic.work()
        except Exception as caught:
            log.exception("periodic work %s failed", periodic.name)
            error = f"{type(caught).__name__}: {caught}"[:500]
        finished = self._clock.now()
        outcome: dict[str, Any] = {"due_at": now + periodic.every, "last_error": error}
        if error is None:
            outcome["last_success"] = finished
        else:
            outcome["due_at"] = now + min(periodic.every, TRY_AGAIN)
        self._outcomes[periodic.name] = outcome
        self._record_outcomes()
        return 1

    def _record_outcomes(self) -> None:
        """Now or, where the database was away, in the next round: not when the lease is over."""
        for name, outcome in list(self._outcomes.items()):
            with self._database.write() as uow:
                uow.execute(
                    update(periodic_work).where(periodic_work.c.name == name).values(outcome)
                )
            del self._outcomes[name]

    def _lease_periodic(self, periodic: Periodic, now: datetime, *, known: bool) -> bool:
        insert = postgresql.insert if self._database.dialect == "postgresql" else sqlite.insert
        with self._database.write() as uow:
            if not known:
                first = insert(periodic_work).values(name=periodic.name, due_at=now)
                uow.execute(first.on_conflict_do_nothing())
            lease = {
                "work": periodic.name,
                "now": now,
                "at_most": now + periodic.longest,
                "until": now + LEASE,
            }
            return uow.changed(_LEASE, lease) == 1

    def _lease_job(self) -> tuple[str, str, Mapping[str, Any], int] | None:
        now = self._clock.now()
        with self._database.read() as uow:
            asked = {"now": now, "at_most": now + _LONGEST_PAUSE + LEASE}
            row = uow.one(_DUE_JOB, {**asked, "kinds": list(self._handlers)})
        if row is None:
            return None
        with self._database.write() as uow:
            leased = uow.changed(
                update(durable_jobs)
                .where(durable_jobs.c.id == row.id, durable_jobs.c.run_at == row.run_at)
                .values(run_at=now + LEASE, attempts=row.attempts + 1)
            )
        return (row.id, row.kind, row.payload, row.attempts + 1) if leased else self._lease_job()

    def _run_job(self, job_id: str, kind: str, payload: Mapping[str, Any], attempt: int) -> int:
        try:
            self._handlers[kind](payload)
        except Exception as caught:
            log.exception("job %s (%s) failed, attempt %d", job_id, kind, attempt)
            again = self._clock.now() + min(_LONGEST_PAUSE, timedelta(seconds=2**attempt))
            with self._database.write() as uow:
                uow.execute(
                    update(durable_jobs)
                    .where(durable_jobs.c.id == job_id)
                    .values(run_at=again, last_error=f"{type(caught).__name__}: {caught}"[:500])
                )
            return 0
        with self._database.write() as uow:
            uow.execute(delete(durable_jobs).where(durable_jobs.c.id == job_id))
        return 1
