"""Identifiers that were seen: an assertion or request object works once — RFC 7523 §3 (7)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite

from foundation.database import UnitOfWork
from idp.oauth.tables import assertions


def first_use(uow: UnitOfWork, client_id: str, jti: str, expires_at: datetime) -> bool:
    """Remember `jti`; False if this client used it before. The primary key decides."""
    dialect = uow.connection.dialect.name
    build = postgresql.insert if dialect == "postgresql" else sqlite.insert
    row = {"client_id": client_id, "jti": jti, "expires_at": expires_at}
    # Not the row count, which drivers do not tell for an INSERT: the row itself says it was new.
    made = build(assertions).values(**row).on_conflict_do_nothing().returning(assertions.c.jti)
    return uow.one(made) is not None


def sweep(uow: UnitOfWork, before: datetime) -> int:
    """Forget identifiers of assertions that have expired anyway."""
    return uow.changed(delete(assertions).where(assertions.c.expires_at < before))
