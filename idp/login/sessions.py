"""Sessions at rest: opaque cookie, stored digest, two lifetimes, an end that all hear of — AU-9."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    and_,
    bindparam,
    delete,
    func,
    insert,
    inspect,
    or_,
    select,
    update,
)

from foundation import opaque
from foundation.clock import AHEAD, recent
from foundation.database import Database, UnitOfWork
from idp.login.session import Proof, Session
from idp.login.settings import LoginSettings
from idp.login.tables import sessions
from idp.login.who import EndsWithSession
from idp.register import Subject

# Noting every request would be a write on every request.
_NOTED_EVERY = timedelta(minutes=1)
_KEPT_AFTER_END = timedelta(days=1)
_SENT_TWICE = timedelta(minutes=1)
MOST_SHOWN = 100

# Built once: every request of a browser runs the first, every sign-in the second.
_FIND = select(sessions).where(
    sessions.c.token_digest == bindparam("digest"),
    sessions.c.ended_at.is_(None),
    sessions.c.ends_at > bindparam("now"),
    sessions.c.seen_at > bindparam("seen_after"),
    sessions.c.auth_time <= bindparam("latest"),
)
_BEGIN = insert(sessions)


@dataclass(frozen=True, slots=True)
class Living:
    """A session as its owner sees it: in which browser it began, and when it was seen last."""

    session: Session
    device: str
    begun_at: datetime
    seen_at: datetime


class Sessions:
    """Begins, finds, rotates and ends sessions. ``ends`` are told of every end, in its own unit
    of work."""

    def __init__(
        self, database: Database, settings: LoginSettings, ends: Sequence[EndsWithSession] = ()
    ) -> None:
        self._database = database
        self._settings = settings
        self._ends = tuple(ends)

    def begin(
        self,
        uow: UnitOfWork,
        subject: Subject,
        proofs: Sequence[Proof],
        level: int,
        now: datetime,
        signed_in_for: str | None = None,
        activated: bool = False,
        device: str = "",
    ) -> tuple[Session, str]:
        """A new session under a new identifier; returns it and the value of its cookie."""
        token = opaque.secret()
        session = Session(
            id=opaque.identifier("ses"),
            subject=subject,
            level=level,
            proofs=tuple(proofs),
            auth_time=now,
            ends_at=now + self._settings.lifetime,
            signed_in_for=_mark(signed_in_for),
            activated=activated,
        )
        row = {
            "id": session.id,
            "token_digest": opaque.digest(token),
            "subject_kind": subject.kind,
            "subject_id": subject.id,
            "level": level,
            "used": _written(session.proofs),
            "auth_time": now,
            "signed_in_for": session.signed_in_for,
            "activated": activated,
            "created_at": now,
            "seen_at": now,
            "ends_at": session.ends_at,
            "device": device,
        }
        uow.execute(_BEGIN, row)
        return session, token

    def renew(
        self,
        uow: UnitOfWork,
        session: Session,
        token: str,
        proofs: Sequence[Proof],
        level: int,
        now: datetime,
        signed_in_for: str | None = None,
    ) -> str | None:
        """The same person proved something more: new cookie, old one dead at once.

        None when ``token`` is neither the session's cookie nor, in a proof that was sent twice,
        the one before, or the session has ended.
        """
        digest = opaque.digest(token)
        # Of two proofs at once either answer may be the last that the browser sees.
        before = uow.one(select(sessions).where(sessions.c.id == session.id).with_for_update())
        twice = before is not None and before.former_digest == digest
        renewed_by = before.renewed_by if before is not None and twice else opaque.secret()
        fresh = _made_of(token, renewed_by)
        changed = uow.changed(
            update(sessions)
            .where(
                sessions.c.id == session.id,
                or_(sessions.c.token_digest == digest, self._just_before(digest, now)),
                self._alive(now),
            )
            .values(
                token_digest=opaque.digest(fresh),
                former_digest=digest,
                renewed_by=renewed_by,
                level=level,
                used=_written(proofs),
                auth_time=now,
                seen_at=now,
                signed_in_for=_mark(signed_in_for),
            )
        )
        return fresh if changed == 1 else None

    def find(self, token: str, now: datetime) -> Session | None:
        """The live session of a cookie."""
        with self._database.read() as uow:
            row = uow.one(
                _FIND,
                {
                    "digest": opaque.digest(token),
                    "now": now,
                    "seen_after": now - self._settings.idle,
                    "latest": now + AHEAD,
                },
            )
        if row is None:
            return None
        if not recent(row.seen_at, min(_NOTED_EVERY, self._settings.idle / 2), now):
            wrong = or_(sessions.c.seen_at < now, sessions.c.seen_at > now + AHEAD)
            with self._database.write() as uow:
                uow.execute(
                    update(sessions).where(sessions.c.id == row.id, wrong).values(seen_at=now)
                )
        return _session(row)

    def renewed_from(self, token: str, now: datetime) -> Session | None:
        """The session whose cookie this was until a moment ago, for a new proof alone: on a slow
        server a proof is sent twice, and the browser never saw the cookie of the first."""
        former = self._just_before(opaque.digest(token), now)
        with self._database.read() as uow:
            row = uow.one(select(sessions).where(former, self._alive(now)))
        return None if row is None else _session(row)

    @staticmethod
    def _just_before(digest: bytes, now: datetime) -> Any:
        former = sessions.c.former_digest == digest
        return and_(former, sessions.c.auth_time > now - _SENT_TWICE)

    def carry_activation(self, uow: UnitOfWork, session: Session, now: datetime) -> None:
        """The choices of an activation were sent twice: its session, whose cookie no browser has,
        gives way to this one, which counts as it did (CM-5)."""
        theirs = and_(
            sessions.c.subject_id == session.subject.id,
            sessions.c.activated.is_(True),
            sessions.c.created_at > now - _SENT_TWICE,
            sessions.c.id != session.id,
        )
        lost = uow.one(select(sessions.c.id).where(theirs, self._alive(now)))
        if lost is not None:
            self.end(uow, lost.id, "sent twice", now)
            mine = sessions.c.id == session.id
            uow.execute(update(sessions).where(mine).values(activated=True))

    def alive(self, uow: UnitOfWork, session_id: str, now: datetime) -> bool:
        """Whether a session lives, by its identifier: for what rests on it."""
        query = select(sessions.c.id).where(sessions.c.id == session_id, self._alive(now))
        return uow.one(query) is not None

    def living(self, uow: UnitOfWork, subject: Subject, now: datetime) -> list[Living]:
        """Where a subject is signed in, the latest first."""
        theirs = and_(sessions.c.subject_id == subject.id, sessions.c.subject_kind == subject.kind)
        found = uow.all(
            select(sessions)
            .where(theirs, self._alive(now))
            .order_by(sessions.c.seen_at.desc(), sessions.c.id)
            .limit(MOST_SHOWN)
        )
        return [
            Living(_session(row), row.device or "", row.created_at, row.seen_at) for row in found
        ]

    def end(self, uow: UnitOfWork, session_id: str, reason: str, now: datetime) -> bool:
        """End one session and what rests on it; False when it had ended already."""
        ended = uow.changed(
            update(sessions)
            .where(sessions.c.id == session_id, sessions.c.ended_at.is_(None))
            .values(ended_at=now, end_reason=reason)
        )
        if ended == 1:
            for part in self._ends:
                part.end_session(uow, session_id, reason, now)
        return ended == 1

    def end_all(
        self,
        uow: UnitOfWork,
        subject_id: str,
        reason: str,
        now: datetime,
        but: str | None = None,
    ) -> int:
        """End every session of a subject, except ``but``; how many."""
        rows = uow.all(
            select(sessions.c.id).where(
                sessions.c.subject_id == subject_id, sessions.c.ended_at.is_(None)
            )
        )
        return sum(self.end(uow, row.id, reason, now) for row in rows if row.id != but)

    def end_everybody(
        self, uow: UnitOfWork, reason: str, now: datetime, but: str | None = None
    ) -> int:
        """End the sessions of all, except ``but``, in one statement; how many.

        The caller ends all that rests on sessions in the same unit of work: nobody is told one
        by one.
        """
        living = sessions.c.ended_at.is_(None) & (sessions.c.id != (but or ""))
        statement = update(sessions).where(living).values(ended_at=now, end_reason=reason)
        return uow.changed(statement)

    def sweep(self, now: datetime) -> int:
        """Delete sessions that ended a day ago or more, or that nobody can have begun; how many."""
        limit = now - _KEPT_AFTER_END
        gone = or_(
            sessions.c.ended_at < limit,
            sessions.c.ends_at < limit,
            sessions.c.auth_time > now + AHEAD,
        )
        with self._database.write() as uow:
            return uow.changed(delete(sessions).where(gone))

    def _alive(self, now: datetime) -> Any:
        return and_(
            sessions.c.ended_at.is_(None),
            sessions.c.ends_at > now,
            sessions.c.seen_at > now - self._settings.idle,
            sessions.c.auth_time <= now + AHEAD,
        )


def was_for(session: Session, return_to: str) -> bool:
    """Whether the person's last sign-in was done for exactly this errand."""
    return session.signed_in_for == _mark(return_to)


def _made_of(token: str, renewed_by: str) -> str:
    """The cookie after this one: known to nobody who knows only the one before."""
    mac = hmac.digest(token.encode(), renewed_by.encode(), "sha256")
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def _mark(return_to: str | None) -> bytes | None:
    return None if return_to is None else opaque.digest(return_to)


def _written(proofs: Sequence[Proof]) -> list[dict[str, str | int]]:
    return [
        {
            "authenticator": p.authenticator,
            "credential": p.credential,
            "managed": p.managed,
            "at": p.at.isoformat(),
        }
        for p in proofs
    ]


def _session(row: Row[Any]) -> Session:
    return Session(
        id=row.id,
        subject=Subject(row.subject_kind, row.subject_id),
        level=row.level,
        proofs=tuple(
            Proof(
                p["authenticator"],
                p["credential"],
                datetime.fromisoformat(p["at"]),
                p["managed"],
            )
            for p in row.used
        ),
        auth_time=row.auth_time,
        ends_at=row.ends_at,
        signed_in_for=row.signed_in_for,
        activated=row.activated,
    )


def open_sessions(connection: Connection, now: datetime) -> int:
    """How many sessions of a restored backup have not ended, past the guard."""
    if not inspect(connection).has_table(sessions.name):
        return 0
    going_on = sessions.c.ended_at.is_(None), sessions.c.ends_at > now
    count = select(func.count()).select_from(sessions).where(*going_on)
    return int(connection.execute(count).scalar_one())
