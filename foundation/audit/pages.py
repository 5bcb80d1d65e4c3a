"""Pages of events, newest first, that cost what they show, whatever there is before them.

Read in the order of an index: by instant, and of one instant by number. Whom an event concerns is a
line of `audit_subjects` with the event's instant beside it, so one index has a person's events in
their order; those of one instant are put in order as they are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Select,
    func,
    literal,
    select,
    tuple_,
    type_coerce,
    union_all,
)

from foundation.audit.tables import events, subjects
from foundation.database import UnitOfWork

# As stored: what somebody else wrote there need not be an instant. NULL is of an older process,
# which knows no such column; its line stands where its event does.
_EVENTS_PLACE = type_coerce(events.c.at, BigInteger)
_PLACE = func.coalesce(type_coerce(subjects.c.at, BigInteger), _EVENTS_PLACE).label("place")


@dataclass(frozen=True, slots=True)
class Span:
    """From `since` on, up to and without `until`, and behind the event `seen`.

    The two of `seen`, its place and its number, are values, or binds for a statement that is built
    once.
    """

    since: datetime | None = None
    until: datetime | None = None
    seen: tuple[ColumnElement[int], ColumnElement[int]] | None = None

    def of(self, at: ColumnElement[Any], number: ColumnElement[int]) -> list[ColumnElement[bool]]:
        """As conditions on columns of which an index has the order."""
        conditions: list[ColumnElement[bool]] = []
        if self.since is not None:
            conditions.append(at >= self.since)
        if self.until is not None:
            conditions.append(at < self.until)
        if self.seen is not None:
            place, last = self.seen
            stored = type_coerce(at, BigInteger)
            # The first is what an index of the instant alone can use.
            conditions += [stored <= place, tuple_(stored, number) < tuple_(place, last)]
        return conditions


def seen(place: tuple[Any, int]) -> tuple[ColumnElement[int], ColumnElement[int]]:
    """An event for `Span`, by what `place_of` told of it."""
    at, number = place
    return literal(at, BigInteger), literal(number, BigInteger)


def place_of(
    uow: UnitOfWork, event_id: str, subject: bytes | None = None
) -> tuple[Any, int] | None:
    """Where an event stands, as `Span.seen` has it; None where there is none (of `subject`, a blind
    index, when that is given)."""
    if subject is None:
        query = select(_EVENTS_PLACE.label("place"), events.c.number)
        row = uow.one(query.where(events.c.id == event_id))
        return None if row is None else (row.place, row.number)
    # The subject is compared here: asked for both, SQLite walks through all that is the subject's.
    lines = uow.all(
        select(subjects.c.subject, _PLACE, events.c.number)
        .select_from(subjects.join(events))
        .where(events.c.id == event_id)
    )
    return next(((line.place, line.number) for line in lines if line.subject == subject), None)


def newest(query: Select[Any], span: Span, limit: int | BindParameter[int]) -> Select[Any]:
    """A page of `query`, which selects of `subjects` joined with `events`, `events.number` among
    them, the lines of one subject.

    Lines without an instant are few: what older processes wrote beside this one, during an upgrade.
    They are all looked at, by the same index, instead of being filled in later: a page is whole at
    every moment, and nothing has to look for them when there are none.
    """
    query = query.add_columns(_PLACE)
    dated = (
        query.where(subjects.c.at.is_not(None), *span.of(subjects.c.at, subjects.c.event))
        .order_by(subjects.c.at.desc(), subjects.c.event.desc())
        .limit(limit)
        .subquery()
    )
    undated = query.where(subjects.c.at.is_(None), *span.of(events.c.at, events.c.number))
    both = union_all(select(dated), undated).subquery()
    return select(both).order_by(both.c.place.desc(), both.c.number.desc()).limit(limit)
