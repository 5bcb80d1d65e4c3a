"""The guard of bound rows: every statement of a unit of work passes here (`row_macs`).

What is inserted or changed gets its MAC, after what it was before was checked: a forged row is
never made right. What is read is checked, and a row that was moved, raised, made up or brought
back is left out. No caller can forget it, and none has to think of it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import (
    Alias,
    BindParameter,
    Column,
    Connection,
    Join,
    Null,
    Select,
    Table,
    and_,
    case,
    false,
    null,
    or_,
    select,
)
from sqlalchemy.engine import IteratorResult, Result
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.sql.elements import ClauseElement, Label

from foundation.clock import Clock, instant, microseconds
from foundation.row_macs import MAC, NOW, Bound, Macs, binding, refusal
from foundation.rows import marks as row_marks
from foundation.rows.marks import FOR_EVER, Mark, Marks

log = logging.getLogger("civitas.integrity")

FORGED = "it was not written by this deployment as it is"
BROUGHT_BACK = "it is an older one: something that it grants was taken back since"
GONE = "it took something away and was deleted; what it said is still obeyed"
_MOST_ALARMS = 1000
_Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wrong:
    """A row that was refused: its table, and a digest of its key."""

    table: str
    reference: str
    why: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """Of a select: the columns to read beside its own, where each bound row stands in it, and the
    columns that its caller gets: no MAC, unless by another name."""

    extra: tuple[Any, ...]
    told: tuple[int, ...]
    checks: tuple[_Check, ...]


@dataclass(frozen=True, slots=True)
class _Check:
    """`optional`: of an outer join, where a wrong row leaves its columns (`own`) empty."""

    bound: Bound
    places: tuple[tuple[str, int], ...]
    optional: bool
    own: frozenset[int]


class _Unknown(Exception):
    """A value that only the database knows."""


class Guard:
    """Makes MACs, checks them, and notes what was taken away; safe to share between threads."""

    def __init__(self, macs: Macs, marks: Marks, clock: Clock) -> None:
        self.macs = macs
        self.marks = marks
        self._clock = clock
        self._plans: WeakKeyDictionary[Select[Any], _Plan | None] = WeakKeyDictionary()
        self._alarms: dict[Wrong, bool] = {}
        self._lock = Lock()

    # ── one entrance ──────────────────────────────────────────────────────────────────

    def concerns(self, statement: Any) -> _Plan | Bound | None:
        """What there is to do about a statement; None for nothing."""
        if isinstance(statement, Select):
            return self._plan(statement)
        if getattr(statement, "is_dml", False):
            return binding(statement.table) or refusal(statement.table)
        return None

    def run(
        self,
        connection: Connection,
        taken: list[Mark],
        statement: Any,
        parameters: Any,
        concern: _Plan | Bound,
    ) -> Result[Any]:
        """Run a statement on bound rows; marks of what it takes away are added to `taken`."""
        if isinstance(concern, _Plan):
            return self._select(connection, statement, parameters, concern)
        if concern.refusing:
            return self._refuse(connection, taken, statement, parameters, concern)
        if statement.is_insert:
            return self._insert(connection, statement, parameters, concern)
        change = self._update if statement.is_update else self._delete
        if isinstance(parameters, Sequence):
            for one in parameters[:-1]:
                change(connection, taken, statement, dict(one), concern)
            parameters = parameters[-1]
        return change(connection, taken, statement, dict(parameters or {}), concern)

    # ── reading ───────────────────────────────────────────────────────────────────────

    def _plan(self, statement: Select[Any]) -> _Plan | None:
        try:
            return self._plans[statement]
        except KeyError:
            made = self._plans[statement] = _plan(statement)
            return made

    def _select(
        self, connection: Connection, statement: Select[Any], parameters: Any, plan: _Plan
    ) -> Result[Any]:
        wide = statement.add_columns(*plan.extra) if plan.extra else statement
        result = connection.execute(wide, parameters)
        keys = list(result.keys())
        rows: list[Any] = [tuple(row) for row in result]
        for check in plan.checks:
            self._sift(check, rows)
        told = plan.told
        kept = (tuple([row[place] for place in told]) for row in rows if row is not None)
        return IteratorResult(SimpleResultMetaData([keys[place] for place in told]), kept)

    def _sift(self, check: _Check, rows: list[Any]) -> None:
        """Put None, or a row without its part, in place of what does not prove itself."""
        present: list[int] = []
        found: list[dict[str, Any]] = []
        key = check.bound.key[0]
        for i, row in enumerate(rows):
            if row is not None:
                values = {name: row[place] for name, place in check.places}
                if values[key] is not None:
                    present.append(i)
                    found.append(values)
        verdicts = self.verdicts(check.bound, found)
        for i, values, why in zip(present, found, verdicts, strict=True):
            if self._refused(check.bound, values, why):
                rows[i] = (
                    tuple(None if p in check.own else v for p, v in enumerate(rows[i]))
                    if check.optional
                    else None
                )

    def verdicts(self, bound: Bound, rows: Sequence[_Row]) -> list[str]:
        """Of each row, what is wrong with it; empty for nothing."""
        why = [""] * len(rows)
        versions: dict[int, int] = {}
        for i, row in enumerate(rows):
            if not bound.grants(row):
                continue
            version = self.macs.version(bound, row)
            if version is None:
                why[i] = FORGED
            else:
                versions[i] = version
        if bound.remembered and versions:
            references = {i: self.macs.reference(bound, rows[i]) for i in versions}
            marks = self.marks.of(set(references.values()))
            for i, reference in references.items():
                if versions[i] < marks[reference]:
                    why[i] = BROUGHT_BACK
        return why

    def _refused(self, bound: Bound, row: _Row, why: str) -> bool:
        if not why:
            return False
        wrong = Wrong(bound.table.name, self.macs.reference(bound, row).hex(), why)
        with self._lock:
            known = wrong in self._alarms
            if not known and len(self._alarms) < _MOST_ALARMS:
                self._alarms[wrong] = True
        if not known:
            log.error("a row of %s is refused (%s): %s", wrong.table, wrong.reference, why)
        return True

    def alarms(self) -> list[Wrong]:
        """What was refused and not told yet; each once."""
        with self._lock:
            told = [wrong for wrong, new in self._alarms.items() if new]
            self._alarms.update(dict.fromkeys(told, False))
        return told

    def end_older(self, connection: Connection, bound: Bound, row: _Row) -> None:
        """Let a row of a restored backup grant no more than it did when the mark was raised."""
        at = self._clock.now()
        ends = bound.ends
        if ends is None:
            ends = {name: NOW for name, values in bound.only_while.items() if values == (None,)}
        here = _here(bound, row)
        if not ends:
            connection.execute(bound.table.delete().where(here))
            return
        new = {name: at if value == NOW else value for name, value in ends.items()}
        mac = None
        reference = self.macs.reference(bound, row)
        version = max(self._now(), self.marks.of([reference])[reference])
        # What was deleted for good does not come back, not even suspended.
        if bound.grants({**row, **new}) and version != FOR_EVER:
            mac = self.macs.make(bound, {**row, **new}, version)
        connection.execute(bound.table.update().where(here).values({**new, MAC: mac}))

    # ── rows that only take away ──────────────────────────────────────────────────────

    def _refuse(
        self,
        connection: Connection,
        taken: list[Mark],
        statement: Any,
        parameters: Any,
        bound: Bound,
    ) -> Result[Any]:
        """What such a row says is said beside the person keys, too: an odd mark stands for a row,
        an even one for its end, and half of it for the instant."""
        if statement.is_insert:
            set_ = _named(statement._values)
            given = parameters if isinstance(parameters, Sequence) else [parameters or {}]
            for one in given:
                row = {name: _value(value, one) for name, value in set_.items()}
                row |= {n: v for n, v in one.items() if n in bound.table.c}
                taken.append(self._said(bound, row, 1))
        elif statement.is_delete and not bound.until:
            rows = self._there(connection, statement, dict(parameters or {}), bound)
            taken.extend(self._said(bound, row, 0) for row in rows)
        return connection.execute(statement, parameters)

    def _said(self, bound: Bound, row: _Row, stands: int) -> Mark:
        reference = self.macs.reference(bound, row)
        now = max(self._now(), self.marks.of([reference])[reference] // 2 + 1)
        until = row[bound.until] if bound.until else None
        return Mark(reference, 2 * now + 2 - stands, until, refusing=bound.table.name)

    def refused_at(self, asked: Sequence[tuple[Table, _Row]]) -> list[datetime | None]:
        """Since when each of these keys is refused, whatever the table says now."""
        references = [self.macs.reference(_refusal(table), row) for table, row in asked]
        marks = self.marks.of(references)
        found = (marks[reference] for reference in references)
        return [instant(mark // 2) if mark % 2 else None for mark in found]

    # ── writing ───────────────────────────────────────────────────────────────────────

    def row_mac(self, taken: list[Mark], bound: Bound, after: _Row, before: _Row | None) -> bytes:
        """For a statement that a store writes by itself, of a row that it read as `before`."""
        old = int.from_bytes(bytes(before[MAC])[:8], "big") if before and before[MAC] else 0
        version = max(old + 1, self._now())
        if before is not None:
            self._remember(taken, bound, before, after, version)
        return self.macs.make(bound, after, version)

    def _insert(
        self, connection: Connection, statement: Any, parameters: Any, bound: Bound
    ) -> Result[Any]:
        if statement.select is not None or statement._multi_values:
            if MAC in (statement._select_names or ()):
                return connection.execute(statement, parameters)
            raise TypeError(f"rows of {bound.table.name} are inserted with their values")
        conflict = getattr(statement, "_post_values_clause", None)
        if MAC not in _named(getattr(conflict, "update_values_to_set", {MAC: None})):
            raise TypeError(f"an upsert of {bound.table.name} sets row_mac to excluded.row_mac")
        set_ = _named(statement._values)
        if MAC in set_:
            return connection.execute(statement, parameters)
        if not parameters:
            mac = self._new_mac(bound, set_, {})
            return connection.execute(statement.values({MAC: mac}))
        if isinstance(parameters, Mapping):
            return connection.execute(
                statement, {**parameters, MAC: self._new_mac(bound, set_, parameters)}
            )
        return connection.execute(
            statement, [{**p, MAC: self._new_mac(bound, set_, p)} for p in parameters]
        )

    def _new_mac(self, bound: Bound, set_: _Row, parameters: _Row) -> bytes | None:
        columns = bound.table.c
        row = {name: _default(columns[name]) for name in bound.needed}
        row |= {name: _value(value, parameters) for name, value in set_.items()}
        row |= {name: value for name, value in parameters.items() if name in columns}
        if not bound.grants(row):
            return None
        version = self._now()
        if bound.remembered and bound.reused:
            reference = self.macs.reference(bound, row)
            version = max(version, self.marks.of([reference])[reference])
        return self.macs.make(bound, row, version)

    def _update(
        self,
        connection: Connection,
        taken: list[Mark],
        statement: Any,
        parameters: dict[str, Any],
        bound: Bound,
    ) -> Result[Any]:
        columns = bound.table.c
        set_ = _named(statement._values)
        set_ |= {name: value for name, value in parameters.items() if name in columns}
        if MAC in set_ or not set_.keys() & {*bound.covered, *bound.only_while}:
            return connection.execute(statement, parameters)
        new: dict[str, Any] = {}
        unknown = False
        for name, value in set_.items():
            try:
                new[name] = _value(value, parameters)
            except _Unknown:
                unknown = True
        if any(name in new and new[name] not in v for name, v in bound.only_while.items()):
            return self._spend(connection, taken, statement, parameters, bound)
        return self._change(connection, taken, statement, parameters, bound, new, unknown)

    def _spend(
        self,
        connection: Connection,
        taken: list[Mark],
        statement: Any,
        parameters: dict[str, Any],
        bound: Bound,
    ) -> Result[Any]:
        """The rows give up what they granted: without a MAC, nobody gives it back to them.

        A wrong one does, too, lest it be mended afterwards, but it does not count.
        """
        spent = statement.values({MAC: null()})
        if bound.read_first and not bound.remembered:
            return connection.execute(spent, parameters)
        rows = self._there(connection, statement, parameters, bound)
        if bound.remembered:
            taken.extend(self._gone(bound, row) for row in rows)
        if bound.read_first:
            return connection.execute(spent.where(_any_of(bound, rows)), parameters)
        good: list[dict[str, Any]] = []
        bad: list[dict[str, Any]] = []
        for row, why in zip(rows, self.verdicts(bound, rows), strict=True):
            (bad if self._refused(bound, row, why) else good).append(row)
        if bad:
            connection.execute(spent.where(_any_of(bound, bad)), parameters)
        return connection.execute(spent.where(_any_of(bound, good)), parameters)

    def _change(
        self,
        connection: Connection,
        taken: list[Mark],
        statement: Any,
        parameters: dict[str, Any],
        bound: Bound,
        new: _Row,
        unknown: bool,
    ) -> Result[Any]:
        rows = self._there(connection, statement, parameters, bound)
        verdicts = self.verdicts(bound, rows)
        good = [
            row
            for row, why in zip(rows, verdicts, strict=True)
            if not self._refused(bound, row, why) and bound.grants(row)
        ]
        statement = statement.where(_any_of(bound, good))
        if not good:
            return connection.execute(statement, parameters)
        if unknown:
            # Only the database knows the new values: they are read before the MAC is made.
            result = connection.execute(statement, parameters)
            here = _whole(bound).where(_any_of(bound, good))
            read = [dict(row._mapping) for row in connection.execute(here)]
            after = {_key(bound, row): row for row in read}
            changes = [(row, after[_key(bound, row)]) for row in good]
            made = self._made(taken, bound, changes)
            connection.execute(bound.table.update().where(_any_of(bound, good)).values({MAC: made}))
            return result
        changes = [(row, dict(row) | dict(new)) for row in good]
        made = self._made(taken, bound, changes)
        return connection.execute(statement.values({MAC: made}), parameters)

    def _made(
        self,
        taken: list[Mark],
        bound: Bound,
        changes: Sequence[tuple[dict[str, Any], dict[str, Any]]],
    ) -> Any:
        macs = []
        for before, after in changes:
            version = max(int.from_bytes(bytes(before[MAC])[:8], "big") + 1, self._now())
            macs.append(self.macs.make(bound, after, version))
            self._remember(taken, bound, before, after, version)
        if len(macs) == 1:
            return macs[0]
        return case(
            *((_here(bound, after), mac) for (_, after), mac in zip(changes, macs, strict=True))
        )

    def _remember(
        self, taken: list[Mark], bound: Bound, before: _Row, after: _Row, version: int
    ) -> None:
        if bound.remembered and bound.takes(before, after):
            until = after[bound.until] if bound.until else None
            soon = bound.remembered == "soon"
            taken.append(Mark(self.macs.reference(bound, after), version, until, soon))

    def _delete(
        self,
        connection: Connection,
        taken: list[Mark],
        statement: Any,
        parameters: dict[str, Any],
        bound: Bound,
    ) -> Result[Any]:
        if bound.remembered:
            rows = self._there(connection, statement, parameters, bound)
            taken.extend(self._gone(bound, row) for row in rows if bound.grants(row))
        return connection.execute(statement, parameters)

    def _gone(self, bound: Bound, row: _Row) -> Mark:
        version = FOR_EVER
        if bound.reused:
            mac = row[MAC]
            old = int.from_bytes(bytes(mac)[:8], "big") if mac else 0
            version = max(old + 1, self._now())
        until = row[bound.until] if bound.until else None
        soon = bound.remembered == "soon"
        return Mark(self.macs.reference(bound, row), version, until, soon)

    def _there(
        self, connection: Connection, statement: Any, parameters: _Row, bound: Bound
    ) -> list[dict[str, Any]]:
        """The rows that a statement is about, kept as they are until the commit."""
        query = _whole(bound).where(*statement._where_criteria).with_for_update()
        if statement.is_delete and bound.until:
            # What is over by its own date needs no mark: sweeping costs nothing more.
            query = query.where(bound.table.c[bound.until] >= self._clock.now())
        return [dict(row._mapping) for row in connection.execute(query, parameters)]

    def owe(self, connection: Connection, taken: Sequence[Mark]) -> None:
        """At the end of a unit of work, before its commit."""
        row_marks.owe(connection, taken)

    def committed(self, taken: Sequence[Mark]) -> None:
        """After it."""
        self.marks.committed(taken)

    def _now(self) -> int:
        return microseconds(self._clock.now())


# ── statements ────────────────────────────────────────────────────────────────────────


def _plan(statement: Select[Any]) -> _Plan | None:
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
        checks.append(_Check(bound, tuple(positions), optional, own))
    told = tuple(i for i, c in enumerate(selected) if not (isinstance(c, Column) and c.key == MAC))
    return _Plan(tuple(extra), told, tuple(checks))


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


def _refusal(table: Table) -> Bound:
    found = refusal(table)
    if found is None:
        raise TypeError(f"{table.name} is not declared as one that refuses")
    return found


def _binding(source: Any) -> Bound | None:
    return binding(source.element if isinstance(source, Alias) else source)


def _named(values: Any) -> dict[str, Any]:
    """Values by the names of their columns, however they were given."""
    pairs: Any = values.items() if isinstance(values, Mapping) else values or ()
    return {str(getattr(key, "key", key)): value for key, value in pairs}


def _value(value: Any, parameters: _Row) -> Any:
    if isinstance(value, BindParameter):
        if value.key in parameters:
            return parameters[value.key]
        return value.effective_value
    if isinstance(value, Null):
        return None
    if isinstance(value, ClauseElement):
        raise _Unknown
    return value


def _default(column: Column[Any]) -> Any:
    if column.default is not None and column.default.is_scalar:
        return column.default.arg  # type: ignore[attr-defined]
    if column.server_default is not None:
        given = column.server_default.arg  # type: ignore[attr-defined]
        return column.type.python_type(getattr(given, "text", given))
    return None


@lru_cache(maxsize=256)
def _whole(bound: Bound) -> Select[Any]:
    return select(*(bound.table.c[name] for name in bound.needed))


def _here(bound: Bound, row: _Row) -> Any:
    return and_(*(bound.table.c[name] == row[name] for name in bound.key))


def _any_of(bound: Bound, rows: Sequence[_Row]) -> Any:
    if not rows:
        return false()
    if len(bound.key) == 1:
        column = bound.table.c[bound.key[0]]
        return (
            column == rows[0][column.name]
            if len(rows) == 1
            else column.in_([row[column.name] for row in rows])
        )
    return or_(*(_here(bound, row) for row in rows))


def _key(bound: Bound, row: _Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in bound.key)


__all__ = ["BROUGHT_BACK", "FORGED", "GONE", "Guard", "Wrong", "unchecked"]
