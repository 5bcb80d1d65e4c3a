"""The audit as an auditor reads it: which acts, when, by whom of staff — ISO/IEC 27002 8.15.

Nothing that is sealed for a person is opened; what concerns nobody is, one event at a time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, select

from foundation.audit.audit import Audit
from foundation.audit.entry import Actor
from foundation.audit.pages import Span, newest, place_of, seen
from foundation.audit.tables import events, leaves, subjects
from foundation.database import Database, UnitOfWork
from foundation.sealing import CannotOpen

MOST = 10_000
_ACTOR = -1


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
        limit = min(max(limit, 1), MOST)
        if wish.before:
            # All that is asked for is older than what was seen.
            with self._database.read_old() as uow:
                place = place_of(uow, wish.before)
                if place is not None:  # else the replica may not have it yet
                    return [_entry(row, named) for row in self._rows(uow, wish, place, limit)]
        with self._database.read() as uow:
            place = place_of(uow, wish.before) if wish.before else None
            return [_entry(row, named) for row in self._rows(uow, wish, place, limit)]

    def _rows(
        self, uow: UnitOfWork, wish: Wish, place: tuple[Any, int] | None, limit: int
    ) -> Sequence[Row[Any]]:
        behind = None if place is None else seen(place)
        span = Span(wish.since, wish.until, behind)
        if wish.by is not None:
            return uow.all(newest(_by(wish, self._audit.index_of(wish.by)), span, limit))
        return uow.all(_all(wish).where(*span.of(events.c.at, events.c.number)).limit(limit))

    def entry(self, event_id: str, actors: Sequence[Actor]) -> Entry | None:
        """One event by its id."""
        named = {self._audit.index_of(actor): actor.id for actor in actors}
        with self._database.read() as uow:
            row = uow.one(_all(Wish()).where(events.c.id == event_id))
        return None if row is None else _entry(row, named)

    def details(self, event_id: str) -> Mapping[str, Any] | None:
        """Who and what, of an event that concerns nobody; None where it is sealed for persons."""
        try:
            return self._audit.details(event_id)
        except CannotOpen:
            return None


def _all(wish: Wish) -> Select[Any]:
    """Events by whomever, newest first."""
    acting = and_(subjects.c.event == events.c.number, subjects.c.position == _ACTOR)
    return (
        _shown(wish)
        .select_from(
            events.outerjoin(leaves, leaves.c.event == events.c.number).outerjoin(subjects, acting)
        )
        .order_by(events.c.at.desc(), events.c.number.desc())
    )


def _by(wish: Wish, actor: bytes) -> Select[Any]:
    """The lines of what an actor did, for `newest`."""
    return (
        _shown(wish)
        .select_from(subjects.join(events).outerjoin(leaves, leaves.c.event == events.c.number))
        .where(subjects.c.subject == actor, subjects.c.position == _ACTOR)
    )


def _shown(wish: Wish) -> Select[Any]:
    query = select(events.c.number, events.c.id, events.c.kind, events.c.at, events.c.open)
    if wish.kind:
        query = query.where(events.c.kind.startswith(wish.kind, autoescape=True))
    return query.add_columns(leaves.c.leaf_index, subjects.c.subject.label("acting"))


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
