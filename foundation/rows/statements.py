"""What there is to know of a SQLAlchemy statement on bound rows: its sources, its values.

The one place that reads what SQLAlchemy keeps of a statement for itself (names with `_` in front):
look here first at an upgrade. `tests/contract/test_altered_database.py` holds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Alias,
    BindParameter,
    Column,
    Join,
    Null,
    Select,
    Table,
    and_,
    false,
    or_,
    select,
)
from sqlalchemy.sql.elements import ClauseElement, Label

from foundation.row_macs import MAC, Bound, binding

Values = Mapping[str, Any]
"""A row, or a part of one, by the names of its columns."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Of a select: the same with the columns that its checks need beside its own (None: it has all
    of them), where each bound row stands in it, and the columns that its caller gets: no MAC,
    unless by another name."""

    wide: Select[Any] | None
    told: tuple[int, ...]
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """`optional`: of an outer join, where a wrong row leaves its columns (`own`) empty."""

    bound: Bound
    places: tuple[tuple[str, int], ...]
    optional: bool
    own: frozenset[int]


class Unknown(Exception):
    """A value that only the database knows."""


# ── reading ───────────────────────────────────────────────────────────────────────────


def plan(statement: Select[Any]) -> Plan | None:
    sources = _sources(statement)
    if unchecked(statement) or not any(_binding(source) for source, _ in sources):
        return None
    selected = list(statement.selected_columns)
    places = {(id(c.table), c.key): i for i, c in enumerate(selected) if isinstance(c, Column)}
    extra: list[Any] = []
    checks = []
    for source, optional in sources:
        bound = _binding(source)
        if bound is None:
            continue
        positions = []
        for name in bound.needed:
            place = places.get((id(source), name))
            if place is None:
                place = len(selected) + len(extra)
                extra.append(source.c[name].label(f"{MAC}_{len(extra)}"))
            positions.append((name, place))
        own = frozenset(place for (table, _), place in places.items() if table == id(source))
        checks.append(Check(bound, tuple(positions), optional, own))
    told = tuple(i for i, c in enumerate(selected) if not (isinstance(c, Column) and c.key == MAC))
    # Not the statement itself: plans are kept as long as that lives, and no longer.
    wide = statement.add_columns(*extra) if extra else None
    return Plan(wide, told, tuple(checks))


def unchecked(statement: Select[Any]) -> bool:
    """Whether the statement gives no rows but a sum of them: it grants nothing by itself."""
    return bool(
        statement._distinct
        or statement._group_by_clauses
        or any(_summed(c) for c in statement._raw_columns)
    )


def _summed(column: Any) -> bool:
    element = column.element if isinstance(column, Label) else column
    return not isinstance(element, Table | Alias | Column) and bool(
        getattr(element, "_from_objects", None)
        or getattr(element, "is_aggregate", False)
        or type(element).__name__ in ("count", "max", "min", "sum")
    )


def _sources(statement: Select[Any]) -> list[tuple[Any, bool]]:
    """The tables that rows come from, and whether their part may be missing; those of subqueries
    and conditions do not count."""
    found: dict[int, tuple[Any, bool]] = {}

    def add(source: Any, optional: bool = False) -> None:
        if isinstance(source, Join):
            add(source.left, optional or source.full)
            add(source.right, optional or source.isouter or source.full)
        elif isinstance(source, Table | Alias):
            found.setdefault(id(source), (source, optional))

    for source in statement._from_obj:
        add(source)
    for target, _, left, flags in statement._setup_joins:
        add(left)
        add(target, bool(flags["isouter"] or flags["full"]))
    for column in statement._raw_columns:
        element = column.element if isinstance(column, Label) else column
        add(getattr(element, "table", None) if isinstance(element, Column) else element)
    return list(found.values())


def _binding(source: Any) -> Bound | None:
    return binding(source.element if isinstance(source, Alias) else source)


# ── writing ───────────────────────────────────────────────────────────────────────────


def named(values: Any) -> dict[str, Any]:
    """Values by the names of their columns, however they were given."""
    pairs: Any = values.items() if isinstance(values, Mapping) else values or ()
    return {str(getattr(key, "key", key)): value for key, value in pairs}


def value_of(value: Any, parameters: Values) -> Any:
    if isinstance(value, BindParameter):
        if value.key in parameters:
            return parameters[value.key]
        return value.effective_value
    if isinstance(value, Null):
        return None
    if isinstance(value, ClauseElement):
        raise Unknown
    return value


def default_of(column: Column[Any]) -> Any:
    if column.default is not None and column.default.is_scalar:
        return column.default.arg  # type: ignore[attr-defined]
    if column.server_default is not None:
        given = column.server_default.arg  # type: ignore[attr-defined]
        return column.type.python_type(getattr(given, "text", given))
    return None


@lru_cache(maxsize=256)
def whole(bound: Bound) -> Select[Any]:
    return select(*(bound.table.c[name] for name in bound.needed))


def here(bound: Bound, row: Values) -> Any:
    return and_(*(bound.table.c[name] == row[name] for name in bound.key))


def any_of(bound: Bound, rows: Sequence[Values]) -> Any:
    if not rows:
        return false()
    if len(bound.key) == 1:
        column = bound.table.c[bound.key[0]]
        return (
            column == rows[0][column.name]
            if len(rows) == 1
            else column.in_([row[column.name] for row in rows])
        )
    return or_(*(here(bound, row) for row in rows))


def key_of(bound: Bound, row: Values) -> tuple[Any, ...]:
    return tuple(row[name] for name in bound.key)
