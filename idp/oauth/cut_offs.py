"""Ending every token that a client got for itself: those have no grant row to end."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite

from foundation.database import UnitOfWork
from idp.oauth.tables import cut_offs

EVERYBODY = "*"
"""Stands for all clients and devices at once; no client has such an id."""


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
