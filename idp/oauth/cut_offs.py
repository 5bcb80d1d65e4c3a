"""Ending every token that a client got for itself: those have no grant row to end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from foundation.database import Database, UnitOfWork
from idp.oauth.tables import cut_offs

_APART = timedelta(seconds=2)
EVERYBODY = "*"
"""Stands for all clients and devices at once; no client has such an id."""


def set_right(database: Database, now: datetime) -> int:
    """What was ended while the clock was ahead was ended by now; how many. Else the tokens that the
    client gets from now on would be dead until that day."""
    mistaken = cut_offs.c.issued_until > now + _APART
    with database.read() as uow:
        if uow.one(select(cut_offs.c.client_id).where(mistaken).limit(1)) is None:
            return 0
    with database.write() as uow:
        return uow.changed(update(cut_offs).where(mistaken).values(issued_until=now))


def cut_off(uow: UnitOfWork, client_id: str, now: datetime) -> None:
    """End every token that this client got for itself until now."""
    backend = uow.connection.dialect.name
    build: Any = postgresql.insert if backend == "postgresql" else sqlite.insert
    statement = build(cut_offs).values(client_id=client_id, issued_until=now)
    uow.execute(
        statement.on_conflict_do_update(
            index_elements=[cut_offs.c.client_id], set_={"issued_until": now}
        )
    )
