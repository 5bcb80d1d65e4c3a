"""Forgetting what is over: periodic work, so that tables and memory do not grow (failures 15)."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete

from foundation.database import Database, UnitOfWork
from idp.oauth import (
    answers,
    assertions,
    backchannel_requests,
    codes,
    device_codes,
    grant_store,
    pre_authorized_codes,
    pushed_requests,
    refresh_tokens,
    watching,
)
from idp.oauth.authorization import transaction
from idp.oauth.dynamic import tokens
from idp.oauth.signals import outbox
from idp.oauth.tables import revoked_tokens

KEEP = timedelta(hours=1)
"""How long rows stay after they expired, so that a late replay still gets its own words."""


def _revoked(uow: UnitOfWork, before: datetime) -> int:
    return uow.changed(delete(revoked_tokens).where(revoked_tokens.c.expires_at < before))


def _seen(uow: UnitOfWork, before: datetime) -> int:
    # Once it is over its own end refuses it, in its own words: nothing has to be kept for that.
    return assertions.sweep(uow, before + KEEP)


SWEEPS = (
    codes.sweep,
    refresh_tokens.sweep,
    transaction.sweep,
    pushed_requests.sweep,
    device_codes.sweep,
    backchannel_requests.sweep,
    pre_authorized_codes.sweep,
    _seen,
    answers.sweep,
    _revoked,
    grant_store.sweep,
    tokens.sweep,
    watching.sweep,
    outbox.sweep,
)


def sweep(database: Database, now: datetime) -> int:
    """Delete what expired more than `KEEP` ago; idempotent. Returns how many rows."""
    gone = 0
    for forget in SWEEPS:
        with database.write() as uow:
            gone += forget(uow, now - KEEP)
    return gone
