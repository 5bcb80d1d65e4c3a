"""Clients that another source vouches for and that we serve no more: they have no row of ours."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from foundation.database import UnitOfWork
from idp.oauth.tables import suspensions

_STANDS = select(suspensions.c.client_id).where(suspensions.c.client_id == bindparam("client"))


def add(uow: UnitOfWork, client_id: str, now: datetime) -> None:
    """Suspend it; idempotent."""
    backend = uow.connection.dialect.name
    build: Any = postgresql.insert if backend == "postgresql" else sqlite.insert
    row = build(suspensions).values(client_id=client_id, suspended_at=now)
    uow.execute(row.on_conflict_do_nothing())


def remove(uow: UnitOfWork, client_id: str, now: datetime) -> bool:
    """Serve it again; False when it was not suspended."""
    if uow.refused_at((suspensions, {"client_id": client_id})) != [None]:
        add(uow, client_id, now)  # somebody deleted the row: what is remembered ends with one
    return uow.changed(delete(suspensions).where(suspensions.c.client_id == client_id)) == 1


def stands(uow: UnitOfWork, client_id: str) -> bool:
    if uow.one(_STANDS, {"client": client_id}) is not None:
        return True
    return uow.refused_at((suspensions, {"client_id": client_id})) != [None]


def all_(uow: UnitOfWork) -> list[str]:
    """Ids of those that are suspended now."""
    query = select(suspensions.c.client_id).order_by(suspensions.c.client_id)
    return [str(row.client_id) for row in uow.all(query)]
