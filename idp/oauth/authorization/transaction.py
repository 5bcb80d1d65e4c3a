"""A checked request that waits while the person signs in and answers (floor plan, "Ports").

It is found by a handle in the URL and opened only by the browser that began it: a handle without
its browser cookie is worth nothing (failures 5). Each step happens once: an UPDATE decides.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from foundation import opaque
from foundation.clock import begun
from foundation.database import UnitOfWork
from idp.oauth.authorization.request import AuthorizationRequest, from_json
from idp.oauth.tables import transactions

WAITING, ASKING, ANSWERED = "waiting", "asking", "answered"


@dataclass(frozen=True, slots=True)
class Transaction:
    """`state`: waiting for the person, asking for consent, or answered.

    `session_id`, `person_id`: set once somebody is there; `asked_digest`: what the consent page
    asks, so that an answer to another question does not count (failures 11).
    """

    handle: str
    client_id: str
    request: AuthorizationRequest
    state: str
    session_id: str | None
    person_id: str | None
    asked_digest: bytes | None
    started_at: datetime
    expires_at: datetime


def new_handle() -> str:
    """A handle, made before the row so that it can stand in a return address."""
    return opaque.secret(24)


def begin(
    uow: UnitOfWork,
    handle: str,
    browser: str,
    request: AuthorizationRequest,
    now: datetime,
    lifetime: timedelta,
) -> None:
    """Store a checked request for this browser."""
    uow.execute(
        insert(transactions).values(
            handle_digest=opaque.digest(handle),
            browser_digest=opaque.digest(browser),
            client_id=request.client_id,
            request=request.to_json(),
            state=WAITING,
            started_at=now,
            expires_at=now + lifetime,
        )
    )


def find(uow: UnitOfWork, handle: str, browser: str, now: datetime) -> Transaction | None:
    """The live transaction of this handle, if this browser began it."""
    row = uow.one(select(transactions).where(transactions.c.handle_digest == opaque.digest(handle)))
    if row is None or row.expires_at <= now or not begun(row.started_at, now):
        return None
    if not hmac.compare_digest(row.browser_digest, opaque.digest(browser)):
        return None
    return Transaction(
        handle=handle,
        client_id=row.client_id,
        request=from_json(row.request),
        state=row.state,
        session_id=row.session_id,
        person_id=row.person_id,
        asked_digest=row.asked_digest,
        started_at=row.started_at,
        expires_at=row.expires_at,
    )


def ask(
    uow: UnitOfWork, handle: str, *, session_id: str, person_id: str, asked_digest: bytes
) -> bool:
    """waiting → asking, bound to session and question. False if it was resumed before."""
    statement = (
        update(transactions)
        .where(transactions.c.handle_digest == opaque.digest(handle))
        .where(transactions.c.state == WAITING)
        .values(
            state=ASKING,
            session_id=session_id,
            person_id=person_id,
            asked_digest=asked_digest,
        )
    )
    return uow.changed(statement) == 1


def answer(uow: UnitOfWork, handle: str, from_state: str) -> bool:
    """waiting or asking → answered. False if it was answered before."""
    statement = (
        update(transactions)
        .where(transactions.c.handle_digest == opaque.digest(handle))
        .where(transactions.c.state == from_state)
        .values(state=ANSWERED)
    )
    return uow.changed(statement) == 1


def sweep(uow: UnitOfWork, before: datetime) -> int:
    """Forget transactions that expired before `before`."""
    return uow.changed(delete(transactions).where(transactions.c.expires_at < before))
