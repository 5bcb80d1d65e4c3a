"""Means of signing in that their holder locked — ISO/IEC 29115 CM-8.

A lock only takes away: whoever deletes its row without our key finds that it is remembered.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from foundation.database import UnitOfWork
from idp.login.tables import locks


def add(uow: UnitOfWork, credential_id: str, now: datetime) -> None:
    """Lock it; idempotent."""
    backend = uow.connection.dialect.name
    build: Any = postgresql.insert if backend == "postgresql" else sqlite.insert
    row = build(locks).values(credential_id=credential_id, locked_at=now)
    uow.execute(row.on_conflict_do_nothing())


def remove(uow: UnitOfWork, credential_id: str, now: datetime) -> bool:
    """It opens again; False when it was not locked."""
    if uow.refused_at((locks, {"credential_id": credential_id})) != [None]:
        add(uow, credential_id, now)  # somebody deleted the row: what is remembered ends with one
    return uow.changed(delete(locks).where(locks.c.credential_id == credential_id)) == 1


def stands(uow: UnitOfWork, credential_id: str) -> bool:
    return bool(of(uow, [credential_id]))


def of(uow: UnitOfWork, credential_ids: Iterable[str]) -> frozenset[str]:
    """Those that are locked."""
    ids = list(credential_ids)
    if not ids:
        return frozenset()
    rows = uow.all(select(locks.c.credential_id).where(locks.c.credential_id.in_(ids)))
    remembered = uow.refused_at(*((locks, {"credential_id": one}) for one in ids))
    noted = {one for one, at in zip(ids, remembered, strict=True) if at is not None}
    return frozenset({str(row.credential_id) for row in rows} | noted)
