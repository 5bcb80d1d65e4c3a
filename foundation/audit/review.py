"""The audit as an auditor reads it: which acts, when, by whom of staff — ISO/IEC 27002 8.15.

Nothing that is sealed for a person is opened; what concerns nobody is, one event at a time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, or_, select

from foundation.audit.audit import Audit
from foundation.audit.entry import Actor
from foundation.audit.tables import events, leaves, subjects
from foundation.database import Database, UnitOfWork
from foundation.sealing import CannotOpen

MOST = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One event. `leaf_index` is None until it has its leaf; `actor` names who among the actors
    that were asked for. Whether it concerns anybody is not told: a failed sign-in would tell who
    has an account."""

    id: str
    kind: str
    at: datetime
    actor_kind: str
    actor: str | None
    leaf_index: int | None


@dataclass(frozen=True, slots=True)
class Wish:
    """Which events: of a kind (or its beginning), by an actor, in a time, before a known one."""

    kind: str = ""
    by: Actor | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: str = ""


class AuditReview:
    """Lists events, and opens one."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._database: Database = audit.database

    def entries(self, wish: Wish, actors: Sequence[Actor], limit: int = 100) -> list[Entry]:
        """The newest first; `actors` are those who shall be named."""
        named = {self._audit.index_of(actor): actor.id for actor in actors}
        with self._database.read() as uow:
            query = self._query(uow, wish).limit(min(max(limit, 1), MOST))
            return [_entry(row, named) for row in uow.all(query)]

    def entry(self, event_id: str, actors: Sequence[Actor]) -> Entry | None:
        """One event by its id."""
        named = {self._audit.index_of(actor): actor.id for actor in actors}
        with self._database.read() as uow:
            row = uow.one(self._query(uow, Wish()).where(events.c.id == event_id))
        return None if row is None else _entry(row, named)

    def details(self, event_id: str) -> Mapping[str, Any] | None:
        """Who and what, of an event that concerns nobody; None where it is sealed for persons."""
        try:
            return self._audit.details(event_id)
        except CannotOpen:
            return None

    def _query(self, uow: UnitOfWork, wish: Wish) -> Select[Any]:
        acting = subjects.alias("acting")
        query = (
            select(events.c.id, events.c.kind, events.c.at, events.c.open, leaves.c.leaf_index)
            .add_columns(acting.c.subject.label("acting"))
            .select_from(
                events.outerjoin(leaves, leaves.c.event_id == events.c.id).outerjoin(
                    acting, and_(acting.c.event_id == events.c.id, acting.c.position == -1)
                )
            )
            .order_by(events.c.at.desc(), events.c.id.desc())
        )
        if wish.kind:
            query = query.where(events.c.kind.startswith(wish.kind, autoescape=True))
        if wish.by is not None:
            query = query.where(acting.c.subject == self._audit.index_of(wish.by))
        if wish.since is not None:
            query = query.where(events.c.at >= wish.since)
        if wish.until is not None:
            query = query.where(events.c.at < wish.until)
        if wish.before:
            last = uow.one(select(events.c.at).where(events.c.id == wish.before))
            if last is not None:
                earlier = and_(events.c.at == last.at, events.c.id < wish.before)
                query = query.where(or_(events.c.at < last.at, earlier))
        return query


def _entry(row: Row[Any], named: Mapping[bytes, str]) -> Entry:
    public = json.loads(row.open)
    return Entry(
        row.id,
        row.kind,
        row.at,
        public["actor"]["kind"],
        None if row.acting is None else named.get(bytes(row.acting)),
        row.leaf_index,
    )
