"""Failed sign-ins on record: the first at once, the others counted — AU-3, AU-13.

The log is for ever, so a thousand guesses at one name are two events: the first failure, and at
the end of the window how many more there were. Names that nobody has are counted just so, and
whatever is tried, no more than `failure_events` events a window are begun; what is beyond them is
counted together. So neither the tree's size nor its form tells strangers who has an account.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from foundation import opaque
from foundation.audit import SYSTEM
from foundation.clock import AHEAD
from foundation.database import UnitOfWork
from foundation.errors import TooManyRequests
from foundation.runtime import Runtime
from idp.login.settings import LoginSettings
from idp.login.tables import failures
from idp.register import Subject

_BEGUN = "login-failures"
_TOGETHER = "all others"
_AT_ONCE = 50  # others wait for a write on SQLite


@dataclass(frozen=True, slots=True)
class Failure:
    """A sign-in that failed. ``about``: what was tried, whether it is somebody's or not, and the
    same for all that the outside cannot tell apart; ``reason``: for those who may know."""

    about: str
    subject: Subject | None
    method: str
    reason: str
    credential: str | None = None


class Failures:
    """Writes failures to the audit, a bounded number of events in a window."""

    def __init__(self, runtime: Runtime, settings: LoginSettings) -> None:
        self._runtime = runtime
        self._settings = settings

    def note(self, uow: UnitOfWork, failure: Failure, now: datetime) -> None:
        """Count one failure, inside the caller's unit of work."""
        key = opaque.digest(f"{failure.method}\0{failure.about}")
        if self._count(uow, key, now):
            return
        self._close(uow, failures.c.key == key, now)
        try:
            limit = self._settings.failure_events
            self._runtime.rates.attempt(uow, _BEGUN, "", limit, self._settings.window, now)
        except TooManyRequests:
            if failure.about == _TOGETHER:
                return
            failure = Failure(_TOGETHER, None, failure.method, "one of very many")
            key = opaque.digest(f"{failure.method}\0{_TOGETHER}")
            if self._count(uow, key, now):
                return
            self._close(uow, failures.c.key == key, now)
        if self._begin(uow, key, failure, now):
            self._record(uow, "sign-in.failed", failure)
        else:
            self._count(uow, key, now)  # another process was first

    def sweep(self, now: datetime) -> None:
        """Periodic work: write down what was counted in the windows that are over."""
        over = select(failures.c.key).where(self._over(now)).limit(_AT_ONCE)
        while True:
            with self._runtime.database.write() as uow:
                keys = [row.key for row in uow.all(over)]
                self._close(uow, failures.c.key.in_(keys), now)
            if len(keys) < _AT_ONCE:
                return

    def _count(self, uow: UnitOfWork, key: bytes, now: datetime) -> bool:
        open_still = (failures.c.key == key) & ~self._over(now)
        statement = update(failures).where(open_still).values(more=failures.c.more + 1)
        return uow.changed(statement) == 1

    def _begin(self, uow: UnitOfWork, key: bytes, failure: Failure, now: datetime) -> bool:
        postgres = uow.connection.dialect.name == "postgresql"
        statement = (postgresql.insert if postgres else sqlite.insert)(failures).values(
            key=key,
            subject_kind=failure.subject.kind if failure.subject is not None else None,
            subject_id=failure.subject.id if failure.subject is not None else None,
            method=failure.method,
            more=0,
            since=now,
            until=now + self._settings.window,
        )
        begun = statement.on_conflict_do_nothing().returning(failures.c.key)
        return uow.one(begun) is not None

    def _close(self, uow: UnitOfWork, which: Any, now: datetime) -> None:
        ended = delete(failures).where(which, self._over(now)).returning(failures)
        for row in uow.all(ended):
            if row.more:
                self._record_count(uow, row)

    def _over(self, now: datetime) -> Any:
        """No window ends later than one that begins now: else a clock that was ahead opened it."""
        return or_(failures.c.until <= now, failures.c.until > now + self._settings.window + AHEAD)

    def _record(self, uow: UnitOfWork, kind: str, failure: Failure) -> None:
        details: dict[str, Any] = {"method": failure.method, "reason": failure.reason}
        if failure.credential is not None:
            details["credential"] = failure.credential
        self._write(uow, kind, failure.subject, details)

    def _record_count(self, uow: UnitOfWork, row: Row[Any]) -> None:
        subject = Subject(row.subject_kind, row.subject_id) if row.subject_id else None
        details = {"method": row.method, "more": row.more, "since": row.since, "until": row.until}
        self._write(uow, "sign-in.failed-again", subject, details)

    def _write(
        self, uow: UnitOfWork, kind: str, subject: Subject | None, details: dict[str, Any]
    ) -> None:
        citizen = subject is not None and subject.kind == "citizen"
        if subject is not None and not citizen:
            details["staff"] = subject.id
        concerned = (subject.id,) if subject is not None and citizen else ()
        self._runtime.audit.record(uow, kind, SYSTEM, concerned, details)
