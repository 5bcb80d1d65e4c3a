"""Queries of the federation's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from foundation import opaque
from foundation.database import UnitOfWork
from idp.federation.tables import (
    federation_acts,
    federation_entities,
    federation_marks,
    federation_own_marks,
)


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity that applied to us. `level` is that of its accreditation, None without one."""

    id: str
    entity_id: str
    organization: str
    entity_types: tuple[str, ...]
    keys: tuple[Mapping[str, Any], ...]
    state: str
    level: int | None
    applied_at: datetime
    changed_at: datetime

    @property
    def is_accredited(self) -> bool:
        return self.state == "accredited"


@dataclass(frozen=True, slots=True)
class Act:
    """One act of the regulator about an entity: the history that is never rewritten."""

    act: str
    level: int | None
    reason: str
    officer: str
    at: datetime


@dataclass(frozen=True, slots=True)
class IssuedMark:
    """A trust mark of ours, with the state that we give it now."""

    token: str
    trust_mark_type: str
    state: str
    issued_at: datetime
    expires_at: datetime


def entity(uow: UnitOfWork, entity_id: str) -> Entity | None:
    """By its entity identifier."""
    row = uow.one(select(federation_entities).where(federation_entities.c.entity_id == entity_id))
    return None if row is None else _entity(row)


def entity_by_reference(uow: UnitOfWork, reference: str) -> Entity | None:
    """By our own opaque id of it, `ent_…`."""
    row = uow.one(select(federation_entities).where(federation_entities.c.id == reference))
    return None if row is None else _entity(row)


def entities(uow: UnitOfWork) -> list[Entity]:
    """All, the earliest application first."""
    order = select(federation_entities).order_by(
        federation_entities.c.applied_at, federation_entities.c.entity_id
    )
    return [_entity(row) for row in uow.all(order)]


def save_application(
    uow: UnitOfWork,
    entity_id: str,
    organization: str,
    entity_types: Sequence[str],
    keys: Sequence[Mapping[str, Any]],
    now: datetime,
) -> str:
    """Record a new application; returns our reference of it."""
    reference = opaque.identifier("ent")
    uow.execute(
        insert(federation_entities).values(
            id=reference,
            entity_id=entity_id,
            organization=organization,
            entity_types=list(entity_types),
            keys=[dict(key) for key in keys],
            state="applied",
            applied_at=now,
            changed_at=now,
        )
    )
    return reference


def change(uow: UnitOfWork, known: Entity, state: str, level: int | None, now: datetime) -> bool:
    """Move the entity from the state and level that we saw; False if it moved meanwhile."""
    table = federation_entities
    here = (table.c.id == known.id) & (table.c.state == known.state)
    here &= table.c.level.is_(None) if known.level is None else table.c.level == known.level
    moved = update(table).where(here).values(state=state, level=level, changed_at=now)
    return uow.changed(moved) == 1


def replace_description(
    uow: UnitOfWork,
    known: Entity,
    organization: str,
    entity_types: Sequence[str],
    keys: Sequence[Mapping[str, Any]],
) -> None:
    """What the entity says of itself now, its keys included."""
    uow.execute(
        update(federation_entities)
        .where(federation_entities.c.id == known.id)
        .values(
            organization=organization,
            entity_types=list(entity_types),
            keys=[dict(key) for key in keys],
        )
    )


def add_act(
    uow: UnitOfWork,
    reference: str,
    act: str,
    level: int | None,
    reason: str,
    officer: str,
    now: datetime,
) -> None:
    uow.execute(
        insert(federation_acts).values(
            id=opaque.identifier("act"),
            entity=reference,
            act=act,
            level=level,
            reason=reason,
            officer=officer,
            at=now,
        )
    )


def acts(uow: UnitOfWork, reference: str) -> list[Act]:
    """The history of an entity, the latest first."""
    table = federation_acts
    query = select(table).where(table.c.entity == reference).order_by(table.c.at.desc(), table.c.id)
    return [Act(r.act, r.level, r.reason, r.officer, r.at) for r in uow.all(query)]


def set_marks(uow: UnitOfWork, reference: str, before: Sequence[str], state: str) -> int:
    """Move all marks of an entity that are in a state of `before`; returns how many."""
    table = federation_marks
    return uow.changed(
        update(table)
        .where(table.c.entity == reference, table.c.state.in_(before))
        .values(state=state)
    )


def add_mark(uow: UnitOfWork, reference: str, mark: IssuedMark) -> None:
    uow.execute(
        insert(federation_marks).values(
            id=opaque.identifier("mrk"),
            entity=reference,
            trust_mark_type=mark.trust_mark_type,
            token_digest=opaque.digest(mark.token),
            token=mark.token,
            state=mark.state,
            issued_at=mark.issued_at,
            expires_at=mark.expires_at,
        )
    )


def latest_mark(
    uow: UnitOfWork, reference: str, trust_mark_type: str, now: datetime
) -> IssuedMark | None:
    """The active mark of that type that lives longest."""
    table = federation_marks
    row = uow.one(
        select(table)
        .where(
            table.c.entity == reference,
            table.c.trust_mark_type == trust_mark_type,
            table.c.state == "active",
            # Others refuse what a clock issued that was ahead (OpenID Federation §7.3).
            table.c.issued_at <= now,
        )
        .order_by(table.c.expires_at.desc())
        .limit(1)
    )
    return None if row is None else _mark(row)


def mark(uow: UnitOfWork, token: str) -> IssuedMark | None:
    """The mark that we issued as exactly this token."""
    digest = opaque.digest(token)
    row = uow.one(select(federation_marks).where(federation_marks.c.token_digest == digest))
    return None if row is None else _mark(row)


def sweep_marks(uow: UnitOfWork, ended_before: datetime) -> int:
    """Forget marks that ended long ago."""
    table = federation_marks
    return uow.changed(delete(table).where(table.c.expires_at < ended_before))


def own_marks(uow: UnitOfWork, now: datetime) -> list[tuple[str, str]]:
    """The live marks that we hold, as (type, token)."""
    table = federation_own_marks
    rows = uow.all(select(table).where(table.c.expires_at > now).order_by(table.c.trust_mark_type))
    return [(row.trust_mark_type, row.token) for row in rows]


def replace_own_marks(
    uow: UnitOfWork, issuer: str, marks: Mapping[str, tuple[str, datetime]]
) -> None:
    """Hold these marks of an issuer (type → token, end) and no others of it."""
    uow.execute(delete(federation_own_marks).where(federation_own_marks.c.issuer == issuer))
    for trust_mark_type, (token, expires_at) in marks.items():
        uow.execute(
            insert(federation_own_marks).values(
                issuer=issuer,
                trust_mark_type=trust_mark_type,
                token=token,
                expires_at=expires_at,
            )
        )


def _entity(row: Row[Any]) -> Entity:
    return Entity(
        id=row.id,
        entity_id=row.entity_id,
        organization=row.organization,
        entity_types=tuple(row.entity_types),
        keys=tuple(row.keys),
        state=row.state,
        level=row.level,
        applied_at=row.applied_at,
        changed_at=row.changed_at,
    )


def _mark(row: Row[Any]) -> IssuedMark:
    return IssuedMark(row.token, row.trust_mark_type, row.state, row.issued_at, row.expires_at)
