"""Queries over what was issued, and its ends."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from documents.credentials.tables import (
    credential_batches,
    credential_copies,
    credential_ends,
    credential_nonces,
)
from foundation.database import UnitOfWork
from foundation.errors import Unavailable

VALID, ENDED = "valid", "ended"
PLACES = 2**20
"""In one status list, from its first day on: how many are taken says nothing."""
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Batch:
    """Copies of one credential that a wallet got at once."""

    id: str
    person_id: str
    wallet: str
    configuration: str
    document_id: str | None
    copies: int
    said: str | None
    state: str
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """Of one copy, in a status list."""

    list: int
    idx: int


_b = credential_batches.c
_BATCH = select(
    _b.id,
    _b.person_id,
    _b.wallet,
    _b.configuration,
    _b.document_id,
    _b.copies,
    _b.said,
    _b.state,
    _b.issued_at,
    _b.expires_at,
)


def add_batch(uow: UnitOfWork, values: Mapping[str, Any]) -> None:
    uow.execute(insert(credential_batches).values(**values))


def take_places(uow: UnitOfWork, batch_id: str, count: int, expires_at: datetime) -> list[Place]:
    """Places at random that nobody has; a list that is full is followed by another one."""
    c = credential_copies.c
    number = uow.one(select(func.coalesce(func.max(c.list), 0)))
    assert number is not None  # noqa: S101 - an aggregate has one row
    dialect = postgresql.insert if uow.connection.dialect.name == "postgresql" else sqlite.insert
    build = dialect(credential_copies).on_conflict_do_nothing().returning(c.list, c.idx)
    taken: list[Place] = []
    current = int(number[0])
    for turn in range(_ROUNDS):
        wanted = {secrets.randbelow(PLACES) for _ in range(count - len(taken))}
        rows = [
            {"list": current, "idx": idx, "batch_id": batch_id, "expires_at": expires_at}
            for idx in sorted(wanted)
        ]
        if rows:
            taken += [Place(row.list, row.idx) for row in uow.all(build.values(rows))]
        if len(taken) >= count:
            break
        # Nearly every place is taken: that is a list to leave.
        current += turn == _ROUNDS // 2
    if len(taken) < count:
        raise Unavailable("No place in a status list was found.", next_step="Ask once more.")
    secrets.SystemRandom().shuffle(taken)
    return taken


def batches_of_person(uow: UnitOfWork, person_id: str, now: datetime) -> list[Batch]:
    """What wallets of a person hold that is good now, newest first."""
    good = (_b.person_id == person_id) & (_b.state == VALID) & (_b.expires_at > now)
    rows = uow.all(_BATCH.where(good).order_by(_b.issued_at.desc(), _b.id).limit(200))
    return [Batch(*tuple(row)) for row in rows]


def batch_at(uow: UnitOfWork, place: Place) -> Batch | None:
    """Of which batch the copy at a place is."""
    c = credential_copies.c
    query = _BATCH.join(credential_copies, c.batch_id == _b.id)
    row = uow.one(query.where(c.list == place.list, c.idx == place.idx))
    return None if row is None else Batch(*tuple(row))


def note_said(uow: UnitOfWork, notification: bytes, wallet: str, said: str) -> Batch | None:
    """What a wallet says became of its copies; None if there is no such batch of its."""
    mine = (_b.notification_digest == notification) & (_b.wallet == wallet)
    uow.changed(update(credential_batches).where(mine).values(said=said))
    row = uow.one(_BATCH.where(mine))
    return None if row is None else Batch(*tuple(row))


# ── ends ──────────────────────────────────────────────────────────────────────────────


def end_of_person(uow: UnitOfWork, person_id: str, because: str, now: datetime) -> int:
    return _end(uow, _b.person_id == person_id, because, now)


def end_at_wallet(uow: UnitOfWork, person_id: str, wallet: str, because: str, now: datetime) -> int:
    return _end(uow, (_b.person_id == person_id) & (_b.wallet == wallet), because, now)


def end_of_document(uow: UnitOfWork, document_id: str, because: str, now: datetime) -> int:
    return _end(uow, _b.document_id == document_id, because, now)


def end_batch(uow: UnitOfWork, batch_id: str, person_id: str, because: str, now: datetime) -> int:
    return _end(uow, (_b.id == batch_id) & (_b.person_id == person_id), because, now)


def _end(uow: UnitOfWork, which: ColumnElement[bool], because: str, now: datetime) -> int:
    """End batches and every copy of theirs; how many copies."""
    ended = (
        update(credential_batches)
        .where(which, _b.state == VALID, _b.expires_at > now)
        .values(state=ENDED, ended_at=now, ended_because=because)
        .returning(_b.id)
    )
    ids = [row.id for row in uow.all(ended)]
    if not ids:
        return 0
    c = credential_copies.c
    places = uow.all(select(c.list, c.idx, c.expires_at).where(c.batch_id.in_(ids)))
    rows = [
        {"list": p.list, "idx": p.idx, "ended_at": now, "expires_at": p.expires_at} for p in places
    ]
    if rows:
        uow.execute(insert(credential_ends), rows)
    return len(rows)


def ended_in(uow: UnitOfWork, number: int, now: datetime) -> list[int]:
    """The places of one list that are good for nothing."""
    e = credential_ends.c
    return [row.idx for row in uow.all(select(e.idx).where(e.list == number, e.expires_at > now))]


def highest_list(uow: UnitOfWork) -> int:
    row = uow.one(select(func.coalesce(func.max(credential_copies.c.list), 0)))
    assert row is not None  # noqa: S101 - an aggregate has one row
    return int(row[0])


# ── nonces ────────────────────────────────────────────────────────────────────────────


def first_use(uow: UnitOfWork, digest: bytes, expires_at: datetime) -> bool:
    """Whether a nonce is used for the first time: the row decides."""
    dialect = postgresql.insert if uow.connection.dialect.name == "postgresql" else sqlite.insert
    build = dialect(credential_nonces).values(digest=digest, expires_at=expires_at)
    return uow.one(build.on_conflict_do_nothing().returning(credential_nonces.c.digest)) is not None


def sweep(uow: UnitOfWork, before: datetime) -> int:
    """Forget what nobody can show any more."""
    gone = 0
    for table in (credential_ends, credential_copies, credential_nonces):
        gone += uow.changed(delete(table).where(table.c.expires_at < before))
    left = select(credential_copies.c.batch_id)
    old = (_b.expires_at < before) & _b.id.not_in(left)
    return gone + uow.changed(delete(credential_batches).where(old))
