"""Challenges of passkeys and chip cards, stored and answered once — WebAuthn §13.4.3, AU-8."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import delete, insert, select, update

from foundation import opaque
from foundation.clock import AHEAD
from foundation.database import UnitOfWork
from idp.login.tables import challenges

LONGEST = timedelta(minutes=30)
"""`[login] challenge_lifetime` is no longer."""

Purpose = Literal["sign-in", "step-up", "register", "card", "card-step-up", "card-new"]


@dataclass(frozen=True, slots=True)
class Challenge:
    """What was asked of an authenticator: ``state`` is the verifier's own."""

    id: str
    purpose: Purpose
    subject_id: str | None
    session_id: str | None
    state: Mapping[str, Any]


def open_challenge(
    uow: UnitOfWork,
    purpose: Purpose,
    browser: str,
    state: Mapping[str, Any],
    expires_at: datetime,
    subject_id: str | None = None,
    session_id: str | None = None,
) -> str:
    """Store what was asked of this browser; returns the handle that the answer must name."""
    handle = opaque.identifier("chl")
    uow.execute(
        insert(challenges).values(
            id=handle,
            browser=opaque.digest(browser),
            purpose=purpose,
            subject_id=subject_id,
            session_id=session_id,
            state=dict(state),
            expires_at=expires_at,
        )
    )
    return handle


def take(
    uow: UnitOfWork, handle: str, browser: str | Collection[str], purpose: Purpose, now: datetime
) -> Challenge | None:
    """Use the challenge up; None when it is unknown, stale, used, or another browser's."""
    browsers = (browser,) if isinstance(browser, str) else browser
    taken = uow.changed(
        update(challenges)
        .where(
            challenges.c.id == handle,
            challenges.c.browser.in_([opaque.digest(one) for one in browsers]),
            challenges.c.purpose == purpose,
            challenges.c.used_at.is_(None),
            challenges.c.expires_at > now,
            # No challenge is open for longer: a clock that was ahead opened it.
            challenges.c.expires_at <= now + LONGEST + AHEAD,
        )
        .values(used_at=now)
    )
    if taken != 1:
        return None
    row = uow.one(select(challenges).where(challenges.c.id == handle))
    if row is None:
        return None
    return Challenge(row.id, row.purpose, row.subject_id, row.session_id, row.state)


def sweep(uow: UnitOfWork, now: datetime) -> int:
    """Delete what has expired; how many."""
    return uow.changed(delete(challenges).where(challenges.c.expires_at <= now))
