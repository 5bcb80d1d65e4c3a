"""A lost means of signing in, removed after a delay by who cannot show it — NIST SP 800-63B §6.1.

Who has lost their passkey and holds the password asks for its removal. It takes effect when the
delay of the policy is over; meanwhile the owner is told outside of the session, and stops it with
the strongest means: by saying so, or just by signing in with the passkey that is said to be lost.
A thief of the password gains nothing by asking as long as its owner looks at their mail once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from foundation import opaque
from foundation.clock import AHEAD
from foundation.database import UnitOfWork
from foundation.errors import Conflict, NotFound
from foundation.runtime import Runtime
from idp.login import store
from idp.login.directory import Directory
from idp.login.establishing import actor, persons
from idp.login.session import Session
from idp.login.sessions import Sessions
from idp.login.settings import LoginSettings
from idp.login.tables import removals
from idp.register import Subject

ASKED = "asked"
_BUCKET, _MOST = "login-removals", 3
_AT_ONCE = 50
_KEPT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Removal:
    """A credential that is to end at `due_at`, if nobody stops it."""

    id: str
    subject: Subject
    credential_id: str
    due_at: datetime


class Removals:
    """Asks for removals, stops them, and carries them out when they are due."""

    def __init__(
        self, runtime: Runtime, settings: LoginSettings, directory: Directory, sessions: Sessions
    ) -> None:
        self._runtime = runtime
        self._delay = settings.removal_delay
        self._directory = directory
        self._sessions = sessions
        runtime.jobs.periodic(
            "removals of lost passkeys",
            timedelta(minutes=5),
            lambda: self.carry_out(runtime.clock.now()),
        )

    def ask(self, uow: UnitOfWork, session: Session, credential_id: str, now: datetime) -> Removal:
        """Note that the credential is lost; the caller has seen a fresh proof of another one.

        Raises Conflict when it was asked for already, TooManyRequests.
        """
        subject = session.subject
        self._runtime.rates.attempt(uow, _BUCKET, subject.id, _MOST, self._delay, now)
        removal = Removal(opaque.identifier("rem"), subject, credential_id, now + self._delay)
        if any(one.credential_id == credential_id for one in self.of(uow, subject)):
            raise _asked_already()
        try:
            uow.execute(
                insert(removals).values(
                    id=removal.id,
                    subject_kind=subject.kind,
                    subject_id=subject.id,
                    credential_id=credential_id,
                    state=ASKED,
                    asked_at=now,
                    due_at=removal.due_at,
                )
            )
        except IntegrityError:
            raise _asked_already() from None
        due = removal.due_at.isoformat()
        self._record(uow, "credential.removal_asked", removal, {"due_at": due})
        self._directory.tell(uow, subject, "credential.removal-asked", now, {"due": due})
        return removal

    def of(self, uow: UnitOfWork, subject: Subject) -> list[Removal]:
        """What is to be removed from this subject, the next first."""
        query = select(removals).where(removals.c.subject_id == subject.id, _open())
        rows = uow.all(query.order_by(removals.c.due_at, removals.c.id))
        return [_removal(row) for row in rows if row.subject_kind == subject.kind]

    def stop(self, uow: UnitOfWork, subject: Subject, removal_id: str, now: datetime) -> None:
        """The caller has seen the strongest means. Raises NotFound."""
        for one in self.of(uow, subject):
            if one.id == removal_id and self._end(uow, one, "stopped", now):
                self._stopped(uow, one, now)
                return
        raise NotFound("There is no such removal any more.", where="removal")

    def found_again(
        self, uow: UnitOfWork, subject: Subject, credential_id: str, now: datetime
    ) -> None:
        """A passkey that is used is not lost: its removal is stopped."""
        for one in self.of(uow, subject):
            if one.credential_id == credential_id and self._end(uow, one, "stopped", now):
                self._stopped(uow, one, now)

    def carry_out(self, now: datetime) -> int:
        """Periodic work: end the credentials whose delay is over; how many."""
        self._set_right(now)
        with self._runtime.database.read() as uow:
            due = uow.all(select(removals).where(_open(), removals.c.due_at <= now).limit(_AT_ONCE))
            old = uow.one(select(removals.c.id).where(removals.c.ended_at < now - _KEPT).limit(1))
        if old is not None:
            with self._runtime.database.write() as uow:
                uow.execute(delete(removals).where(removals.c.ended_at < now - _KEPT))
        return sum(self._carry_out(_removal(row), now) for row in due)

    def _set_right(self, now: datetime) -> None:
        """What was asked for while the clock was ahead was asked for by now: its delay begins."""
        mistaken = _open(), removals.c.asked_at > now + AHEAD
        with self._runtime.database.read() as uow:
            if uow.one(select(removals.c.id).where(*mistaken).limit(1)) is None:
                return
        with self._runtime.database.write() as uow:
            right = update(removals).where(*mistaken)
            uow.execute(right.values(asked_at=now, due_at=now + self._delay))

    def _carry_out(self, removal: Removal, now: datetime) -> int:
        subject = removal.subject
        with self._runtime.database.write() as uow:
            still = uow.one(select(removals).where(removals.c.id == removal.id, _open()))
            if still is None or not self._end(uow, removal, "done", now):
                return 0
            bound = store.of_holder(uow, subject, locked=True)
            mine = {credential.id for credential in bound}
            # Never the last one: whoever asked has meanwhile lost what they asked with.
            others = [one for one in bound if one.id != removal.credential_id]
            if removal.credential_id not in mine or not any(one.begins for one in others):
                return 0
            store.end(uow, subject, removal.credential_id, now)
            self._sessions.end_all(uow, subject.id, "credential removed", now)
            self._record(uow, "credential.ended", removal, {"by": "removal of a lost one"})
            self._directory.means_changed(uow, subject, now)
            self._directory.tell(uow, subject, "credential.ended", now)
        return 1

    def _end(self, uow: UnitOfWork, removal: Removal, state: str, now: datetime) -> bool:
        ended = update(removals).where(removals.c.id == removal.id, _open())
        return uow.changed(ended.values(state=state, ended_at=now)) == 1

    def _stopped(self, uow: UnitOfWork, removal: Removal, now: datetime) -> None:
        self._record(uow, "credential.removal_stopped", removal, {})
        self._directory.tell(uow, removal.subject, "credential.removal-stopped", now)

    def _record(
        self, uow: UnitOfWork, kind: str, removal: Removal, details: dict[str, Any]
    ) -> None:
        subject = removal.subject
        told = {"credential": removal.credential_id, **details}
        self._runtime.audit.record(uow, kind, actor(subject), persons(subject), told)


def _open() -> Any:
    return removals.c.state == ASKED


def _removal(row: Any) -> Removal:
    return Removal(row.id, Subject(row.subject_kind, row.subject_id), row.credential_id, row.due_at)


def _asked_already() -> Conflict:
    return Conflict(
        "Its removal was asked for already.",
        next_step="Wait until the day that you were told.",
    )
