"""Events on their way to services, at rest — SSF 1.0 §4, RFC 8935, RFC 8936.

A row is written in the unit of work that does what it is about: none is lost, however this process
ends. A service without a stream has none. What is polled stays until it is acknowledged.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select, update

from foundation import opaque
from foundation.database import UnitOfWork
from idp.oauth.event_tables import signal_streams, signals
from idp.oauth.signals import events, streams
from idp.oauth.signals.streams import ENABLED, PUSH, Stream
from idp.oauth.tables import grants

LEASE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
MOST_ATTEMPTS = 12
KEPT = timedelta(days=7)
"""How long what nobody fetches waits: a service that is away for longer asks us at its next
refresh."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One event for one service; `attempts` counts this one. `state`: what it asked us to repeat,
    of a verification."""

    id: str
    client_id: str
    event: str
    subject: str | None
    session_reference: str | None
    state: str | None
    created_at: datetime
    attempts: int


def add(uow: UnitOfWork, which: ColumnElement[bool], event: str, now: datetime) -> int:
    """Have the services of these grants hear of it, those with a stream; how many rows."""
    of_session = event == events.SESSION_REVOKED
    query = select(grants).where(which, grants.c.client_id.in_(streams.HEARS))
    told = {
        (row.client_id, row.subject, row.session_reference if of_session else None)
        for row in uow.all(query)
    }
    wants = _wanting(uow, {client_id for client_id, _, _ in told}, event)
    rows = [
        _row(client_id, event, now, subject=subject, session_reference=sid)
        for client_id, subject, sid in sorted(told, key=str)
        if client_id in wants
    ]
    if rows:
        uow.execute(insert(signals), rows)
    return len(rows)


def verification(uow: UnitOfWork, stream: Stream, state: str | None, now: datetime) -> None:
    """What shows a service that it hears us (§8.1.4)."""
    uow.execute(insert(signals), [_row(stream.client_id, events.VERIFICATION, now, state=state)])


def due(
    uow: UnitOfWork, now: datetime, busy: Collection[str], most: int
) -> Sequence[tuple[Signal, datetime]]:
    """What may be pushed now, but nothing to the clients of `busy`; each with when it was due."""
    query = (
        select(signals)
        .join(signal_streams, signal_streams.c.client_id == signals.c.client_id)
        .where(signals.c.due_at <= now, signals.c.client_id.not_in(list(busy)))
        .where(signal_streams.c.status == ENABLED, signal_streams.c.method == PUSH)
        .order_by(signals.c.due_at, signals.c.id)
        .limit(most)
    )
    return [(_signal(row, row.attempts + 1), row.due_at) for row in uow.all(query)]


def lease(uow: UnitOfWork, one: Signal, due_at: datetime, now: datetime) -> bool:
    """Take it on; False where another process was faster."""
    mine = (signals.c.id == one.id) & (signals.c.due_at == due_at)
    leased = update(signals).where(mine).values(due_at=now + LEASE, attempts=one.attempts)
    return uow.changed(leased) == 1


def done(uow: UnitOfWork, client_id: str, ids: Collection[str]) -> int:
    """They were heard, or nobody is to hear them any more."""
    theirs = (signals.c.client_id == client_id) & signals.c.id.in_(list(ids))
    return uow.changed(delete(signals).where(theirs))


def failed(uow: UnitOfWork, one: Signal, why: str, now: datetime) -> bool:
    """Try again later, with a pause that doubles; False where it was the last time. What else waits
    for this client waits as well: it would fail for the same reason."""
    if one.attempts >= MOST_ATTEMPTS:
        done(uow, one.client_id, [one.id])
        return False
    again = now + min(LONGEST_PAUSE, timedelta(seconds=2**one.attempts))
    theirs = (signals.c.client_id == one.client_id) & (signals.c.due_at < again)
    uow.execute(update(signals).where(theirs).values(due_at=again))
    mine = signals.c.id == one.id
    uow.execute(update(signals).where(mine).values(due_at=again, last_error=why[:300]))
    return True


def waiting(uow: UnitOfWork, client_id: str, most: int) -> Sequence[Signal]:
    """What this client has not acknowledged, oldest first."""
    query = select(signals).where(signals.c.client_id == client_id)
    rows = uow.all(query.order_by(signals.c.created_at, signals.c.id).limit(most))
    return [_signal(row, row.attempts) for row in rows]


def forget(uow: UnitOfWork, client_id: str) -> None:
    """The stream is gone."""
    uow.execute(delete(signals).where(signals.c.client_id == client_id))


def sweep(uow: UnitOfWork, before: datetime) -> int:
    """Forget what waited for too long."""
    return uow.changed(delete(signals).where(signals.c.created_at < before - KEPT))


def _wanting(uow: UnitOfWork, client_ids: Collection[str], event: str) -> Collection[str]:
    """Those whose stream is of this event: each is read once, however many people it is about."""
    found = ((one, streams.of_client(uow, one)) for one in client_ids)
    return {one for one, stream in found if stream is not None and event in stream.delivered}


def _row(client_id: str, event: str, now: datetime, **more: str | None) -> Mapping[str, Any]:
    usual = {"subject": None, "session_reference": None, "state": None}
    return {
        "id": opaque.identifier("sig"),
        "client_id": client_id,
        "event": event,
        "created_at": now,
        "due_at": now,
        "attempts": 0,
        **usual,
        **more,
    }


def _signal(row: Any, attempts: int) -> Signal:
    return Signal(
        row.id,
        row.client_id,
        row.event,
        row.subject,
        row.session_reference,
        row.state,
        row.created_at,
        attempts,
    )
