"""Queries on signatures that were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from documents.signing.tables import transactions
from documents.signing.transaction import (
    FAILED,
    REFUSED,
    SIGNED,
    SIGNING,
    WAITING,
    Asked,
    Made,
    Transaction,
)
from foundation.database import UnitOfWork

_C = transactions.c


def add(uow: UnitOfWork, **values: Any) -> None:
    uow.execute(insert(transactions).values(**values, state=WAITING))


def find(uow: UnitOfWork, transaction_id: str) -> Transaction | None:
    row = uow.one(select(transactions).where(_C.id == transaction_id))
    return None if row is None else _read(row)


def of_service(uow: UnitOfWork, service_id: str, limit: int) -> Sequence[str]:
    """Those that are signed and were not fetched, the newest first."""
    rows = uow.all(
        select(_C.id)
        .where(_C.service_id == service_id, _C.state == SIGNED)
        .order_by(_C.created_at.desc())
        .limit(limit)
    )
    return [row.id for row in rows]


def begin(uow: UnitOfWork, transaction_id: str, person_id: str, now: datetime) -> bool:
    """The person said yes. False when it was answered before, or too late."""
    return _answered(uow, transaction_id, person_id, SIGNING, now)


def refuse(uow: UnitOfWork, transaction_id: str, person_id: str, now: datetime) -> bool:
    return _answered(uow, transaction_id, person_id, REFUSED, now)


def _answered(
    uow: UnitOfWork, transaction_id: str, person_id: str, state: str, now: datetime
) -> bool:
    return (
        uow.changed(
            update(transactions)
            .where(_C.id == transaction_id, _C.state == WAITING, _C.expires_at > now)
            .where(_C.person_id.is_(None) | (_C.person_id == person_id))
            .values(state=state, person_id=person_id, decided_at=now)
        )
        == 1
    )


def conclude(uow: UnitOfWork, transaction_id: str, made: Made) -> bool:
    """It is signed. False when it was given up meanwhile."""
    return _left(uow, transaction_id, state=SIGNED, result=made.as_json())


def fail(uow: UnitOfWork, transaction_id: str) -> bool:
    """Nothing came of it. False when it was signed after all."""
    return _left(uow, transaction_id, state=FAILED)


def _left(uow: UnitOfWork, transaction_id: str, **values: Any) -> bool:
    return (
        uow.changed(
            update(transactions)
            .where(_C.id == transaction_id, _C.state == SIGNING)
            .values(**values)
        )
        == 1
    )


def give_sad(uow: UnitOfWork, transaction_id: str, digest: bytes) -> bool:
    """The newest counts alone."""
    return (
        uow.changed(
            update(transactions)
            .where(_C.id == transaction_id, _C.state == SIGNED)
            .values(sad_digest=digest)
        )
        == 1
    )


def spend_sad(uow: UnitOfWork, transaction_id: str, digest: bytes) -> bool:
    """Works once: the row count decides."""
    return (
        uow.changed(
            update(transactions)
            .where(_C.id == transaction_id, _C.sad_digest == digest)
            .values(sad_digest=None)
        )
        == 1
    )


def abandoned(uow: UnitOfWork, before: datetime) -> Sequence[tuple[str, str, str]]:
    """Those that were begun before this and never ended: id, service, person."""
    rows = uow.all(
        select(_C.id, _C.service_id, _C.person_id).where(
            _C.state == SIGNING, _C.decided_at < before
        )
    )
    return [(row.id, row.service_id, row.person_id) for row in rows]


def sweep(uow: UnitOfWork, now: datetime) -> int:
    return uow.changed(delete(transactions).where(_C.kept_until < now, _C.state != SIGNING))


def _read(row: Row[Any]) -> Transaction:
    return Transaction(
        row.id,
        row.service_id,
        row.person_id,
        row.level,
        Asked.of_json(row.asked),
        row.return_uri,
        row.state,
        row.expires_at,
        row.decided_at,
        Made.of_json(row.result) if row.result is not None else None,
        row.sad_digest is not None,
    )
