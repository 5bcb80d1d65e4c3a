"""Sign-outs on their way to services, at rest — OpenID Connect Back-Channel Logout 1.0 §2.5.

A row is written in the unit of work that ends what it is about: none is lost, however this process
ends. A service that did not register for them has none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, insert, or_, select, update

from foundation import opaque
from foundation.database import UnitOfWork
from idp.oauth import client_addresses
from idp.oauth.event_tables import sign_outs
from idp.oauth.tables import grants

LEASE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
MOST_ATTEMPTS = 12
"""The last one is some seventy minutes after the first: a service away for longer has restarted
since, or asks us at its next refresh."""
_TOGETHER = 500

_DUE = (
    select(sign_outs)
    .where(
        # What a clock that was ahead put off is due now.
        or_(
            sign_outs.c.due_at <= bindparam("now"),
            sign_outs.c.due_at > bindparam("at_most"),
        ),
        sign_outs.c.client_id.not_in(bindparam("busy", expanding=True)),
    )
    .order_by(sign_outs.c.due_at, sign_outs.c.id)
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class SignOut:
    """One session that ended, for one service; `attempts` counts this one."""

    id: str
    client_id: str
    subject: str
    session_reference: str
    attempts: int


def add(uow: UnitOfWork, which: ColumnElement[bool], now: datetime) -> int:
    """Have the services of these grants told, those that registered for it; how many rows.

    One that still waits to be said for the first time is not said twice.
    """
    query = select(grants).where(which, grants.c.client_id.in_(client_addresses.HEARS_OF_SIGN_OUT))
    told = {(row.client_id, row.session_reference): row.subject for row in uow.all(query)}
    for waiting in _unsaid(uow, {sid for _, sid in told}):
        told.pop((waiting.client_id, waiting.session_reference), None)
    rows = [
        {
            "id": opaque.identifier("out"),
            "client_id": client_id,
            "subject": subject,
            "session_reference": sid,
            "created_at": now,
            "due_at": now,
            "attempts": 0,
        }
        for (client_id, sid), subject in sorted(told.items())
    ]
    if rows:
        uow.execute(insert(sign_outs), rows)
    return len(rows)


def due(
    uow: UnitOfWork, now: datetime, busy: Collection[str], most: int
) -> Sequence[tuple[SignOut, datetime]]:
    """What may be said now, but nothing to the clients of `busy`; each with when it was due."""
    at_most = now + LONGEST_PAUSE + LEASE
    asked = {"now": now, "at_most": at_most, "busy": list(busy), "most": most}
    return [
        (
            SignOut(row.id, row.client_id, row.subject, row.session_reference, row.attempts + 1),
            row.due_at,
        )
        for row in uow.all(_DUE, asked)
    ]


def lease(uow: UnitOfWork, one: SignOut, due_at: datetime, now: datetime) -> bool:
    """Take it on; False where another process was faster."""
    mine = (sign_outs.c.id == one.id) & (sign_outs.c.due_at == due_at)
    leased = update(sign_outs).where(mine).values(due_at=now + LEASE, attempts=one.attempts)
    return uow.changed(leased) == 1


def done(uow: UnitOfWork, one: SignOut) -> None:
    """It was heard, or nobody is to hear it any more."""
    uow.execute(delete(sign_outs).where(sign_outs.c.id == one.id))


def failed(uow: UnitOfWork, one: SignOut, why: str, now: datetime) -> bool:
    """Try again later, with a pause that doubles; False where it was the last time.

    What else waits for this client waits as well: it would fail for the same reason.
    """
    if one.attempts >= MOST_ATTEMPTS:
        done(uow, one)
        return False
    again = now + min(LONGEST_PAUSE, timedelta(seconds=2**one.attempts))
    theirs = (sign_outs.c.client_id == one.client_id) & (sign_outs.c.due_at < again)
    uow.execute(update(sign_outs).where(theirs).values(due_at=again))
    mine = sign_outs.c.id == one.id
    uow.execute(update(sign_outs).where(mine).values(due_at=again, last_error=why[:300]))
    return True


def waiting(uow: UnitOfWork, client_id: str) -> tuple[int, str | None]:
    """How many wait for this client, and why the last one failed that did."""
    rows = uow.all(select(sign_outs).where(sign_outs.c.client_id == client_id))
    errors = [row.last_error for row in rows if row.last_error]
    return len(rows), errors[-1] if errors else None


def _unsaid(uow: UnitOfWork, references: Collection[str]) -> Sequence[Any]:
    listed = sorted(references)
    found: list[Any] = []
    for start in range(0, len(listed), _TOGETHER):
        part = sign_outs.c.session_reference.in_(listed[start : start + _TOGETHER])
        found.extend(uow.all(select(sign_outs).where(part, sign_outs.c.attempts == 0)))
    return found
