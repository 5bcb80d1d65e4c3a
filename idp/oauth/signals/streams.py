"""Streams: which service hears of what, and how — SSF 1.0 §8.1.1. One for each service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from foundation.database import UnitOfWork
from idp.oauth.event_tables import signal_streams as streams
from idp.oauth.signals.events import SUPPORTED

PUSH, POLL = "urn:ietf:rfc:8935", "urn:ietf:rfc:8936"
ENABLED, PAUSED, DISABLED = "enabled", "paused", "disabled"
STATES = (ENABLED, PAUSED, DISABLED)
HEARS = select(streams.c.client_id).where(streams.c.status != DISABLED)
"""The ids of clients for which something is to be written down."""


@dataclass(frozen=True, slots=True)
class Stream:
    """`endpoint`: where it is pushed to, and `authorization` with what, sealed."""

    id: str
    client_id: str
    method: str
    endpoint: str | None
    authorization: bytes | None
    requested: tuple[str, ...]
    description: str | None
    status: str
    created_at: datetime

    @property
    def delivered(self) -> tuple[str, ...]:
        """What it hears of: what was asked for, of what there is (§8.1.1)."""
        return tuple(event for event in SUPPORTED if event in self.requested)


def of_client(uow: UnitOfWork, client_id: str) -> Stream | None:
    row = uow.one(select(streams).where(streams.c.client_id == client_id))
    return None if row is None else _stream(row)


def add(uow: UnitOfWork, one: Stream) -> bool:
    """False where the client has one."""
    if of_client(uow, one.client_id) is not None:
        return False
    try:
        uow.execute(insert(streams).values(**_values(one), client_id=one.client_id, id=one.id))
    except IntegrityError:
        return False
    return True


def change(uow: UnitOfWork, one: Stream) -> bool:
    """False where it is gone."""
    here = (streams.c.id == one.id) & (streams.c.client_id == one.client_id)
    return uow.changed(update(streams).where(here).values(**_values(one))) == 1


def remove(uow: UnitOfWork, one: Stream) -> bool:
    return uow.changed(delete(streams).where(streams.c.id == one.id)) == 1


def _values(one: Stream) -> Mapping[str, Any]:
    return {
        "method": one.method,
        "endpoint": one.endpoint,
        "authorization_sealed": one.authorization,
        "requested": list(one.requested),
        "description": one.description,
        "status": one.status,
        "created_at": one.created_at,
    }


def _stream(row: Any) -> Stream:
    return Stream(
        row.id,
        row.client_id,
        row.method,
        row.endpoint,
        row.authorization_sealed,
        tuple(row.requested),
        row.description,
        row.status,
        row.created_at,
    )
