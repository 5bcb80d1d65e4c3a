"""A checked request that waits while the person signs in and answers (architecture, "Ports").

It is found by a handle in the URL and opened only by the browser that began it: a handle without
its browser cookie is worth nothing (failures 5). Each step happens once: an UPDATE decides. Where
an answer led is kept, sealed under the handle, which is not stored: who is impatient and answers
the same once more is led to the same place.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from foundation import opaque
from foundation.clock import begun
from foundation.database import UnitOfWork
from idp.oauth.authorization.request import AuthorizationRequest, from_json
from idp.oauth.request_tables import transactions

WAITING, ASKING, ANSWERED = "waiting", "asking", "answered"


@dataclass(frozen=True, slots=True)
class Transaction:
    """`state`: waiting for the person, asking for consent, or answered.

    `session_id`, `person_id`: set once somebody is there; `asked_digest`: what the consent page
    asks, so that an answer to another question does not count (failures 11). `said_digest`,
    `led_to`: what was answered, and the sealed address where that led.
    """

    handle: str
    browser_digest: bytes
    client_id: str
    request: AuthorizationRequest
    state: str
    session_id: str | None
    person_id: str | None
    asked_digest: bytes | None
    said_digest: bytes | None
    led_to: bytes | None
    started_at: datetime
    expires_at: datetime

    def was_begun_by(self, browsers: Collection[str]) -> bool:
        """Whether it is this browser's, by whatever it is known."""
        ours = self.browser_digest
        return any(hmac.compare_digest(ours, opaque.digest(browser)) for browser in browsers)

    def said(self, answer: Sequence[str]) -> bool:
        """Whether it was answered just so."""
        said = self.said_digest
        return said is not None and hmac.compare_digest(said, _digest(answer))


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


def find(
    uow: UnitOfWork, handle: str, browser: str | Collection[str], now: datetime
) -> Transaction | None:
    """The live transaction of this handle, if this browser began it (by whatever it is known)."""
    known = (browser,) if isinstance(browser, str) else browser
    found = look_up(uow, handle)
    if found is None or found.expires_at <= now or not begun(found.started_at, now):
        return None
    if not found.was_begun_by(known):
        return None
    return found


def look_up(uow: UnitOfWork, handle: str) -> Transaction | None:
    """A transaction in whatever state, also when it is over and whoever's it is: to say which
    service it was for, never to go on with it."""
    row = uow.one(select(transactions).where(transactions.c.handle_digest == opaque.digest(handle)))
    if row is None:
        return None
    return Transaction(
        handle=handle,
        browser_digest=row.browser_digest,
        client_id=row.client_id,
        request=from_json(row.request),
        state=row.state,
        session_id=row.session_id,
        person_id=row.person_id,
        asked_digest=row.asked_digest,
        said_digest=row.said_digest,
        led_to=row.led_to,
        started_at=row.started_at,
        expires_at=row.expires_at,
    )


def claim(uow: UnitOfWork, handle: str, browser: str) -> bool:
    """The first browser that comes for a transaction begun without one has it from then on.

    Until then its handle stands for the browser.
    """
    nobody, now_its = opaque.digest(handle), opaque.digest(browser)
    statement = (
        update(transactions)
        .where(transactions.c.handle_digest == nobody, transactions.c.browser_digest == nobody)
        .values(browser_digest=now_its)
    )
    return uow.changed(statement) == 1


def ask(
    uow: UnitOfWork, handle: str, *, session_id: str, person_id: str, asked_digest: bytes
) -> bool:
    """waiting or asking → asking, bound to session and question. False if it was answered."""
    statement = (
        update(transactions)
        .where(transactions.c.handle_digest == opaque.digest(handle))
        .where(transactions.c.state.in_((WAITING, ASKING)))
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


def led(uow: UnitOfWork, handle: str, answer: Sequence[str], place: bytes) -> None:
    """Keep what was answered, and the sealed place where it led: in the write that answers."""
    here = transactions.c.handle_digest == opaque.digest(handle)
    values = {"said_digest": _digest(answer), "led_to": place}
    uow.execute(update(transactions).where(here, transactions.c.state == ANSWERED).values(**values))


def _digest(answer: Sequence[str]) -> bytes:
    return hashlib.sha256(json.dumps(list(answer)).encode()).digest()


def sweep(uow: UnitOfWork, before: datetime) -> int:
    """Forget transactions that expired before `before`."""
    return uow.changed(delete(transactions).where(transactions.c.expires_at < before))
