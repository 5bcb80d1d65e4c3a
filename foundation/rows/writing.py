"""What is inserted or changed gets its MAC, after what it was before was checked.

So a forged row is never made right. What an act takes away is noted as a mark (`rows.marks`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, case, null

from foundation.clock import Clock, microseconds
from foundation.compiled import Rows, execute
from foundation.row_macs import MAC, Bound
from foundation.rows.inspection import Inspection
from foundation.rows.marks import FOR_EVER, Mark
from foundation.rows.statements import (
    Unknown,
    Values,
    any_of,
    default_of,
    here,
    key_of,
    named,
    value_of,
    whole,
)


@dataclass(frozen=True, slots=True)
class Act:
    """A statement that writes rows of a bound table, and the unit of work that it belongs to.

    `taken` is filled with the marks of what it takes away.
    """

    connection: Connection
    taken: list[Mark]
    statement: Any
    parameters: Any
    bound: Bound

    def run(self, statement: Any = None, parameters: Any = None) -> Rows:
        """Execute it, or what was made of it."""
        chosen = self.statement if statement is None else statement
        return execute(
            self.connection, chosen, self.parameters if parameters is None else parameters
        )

    def each(self) -> list[Act]:
        """The same for each of its sets of parameters."""
        if isinstance(self.parameters, Sequence):
            return [replace(self, parameters=dict(one)) for one in self.parameters]
        return [replace(self, parameters=dict(self.parameters or {}))]


class Writing:
    """Inserts, changes and deletes bound rows; safe to share between threads."""

    def __init__(self, inspection: Inspection, clock: Clock) -> None:
        self._inspection = inspection
        self._macs = inspection.macs
        self._marks = inspection.marks
        self._clock = clock

    def run(self, act: Act) -> Rows:
        """Execute a statement on a table that is bound, or that refuses."""
        if act.bound.refusing:
            return self._refuse(act)
        if act.statement.is_insert:
            return self._insert(act)
        change = self._update if act.statement.is_update else self._delete
        return [change(one) for one in act.each()][-1]

    def row_mac(
        self, taken: list[Mark], bound: Bound, after: Values, before: Values | None
    ) -> bytes:
        """For a statement that a store writes by itself, of a row that it read as `before`."""
        version = self._next_version(before)
        if before is not None:
            self._remember(taken, bound, before, after, version)
        return self._macs.make(bound, after, version)

    def now(self) -> int:
        """The version of what is written at this instant."""
        return microseconds(self._clock.now())

    # ── rows that only take away ──────────────────────────────────────────────────────

    def _refuse(self, act: Act) -> Rows:
        """What such a row says is said beside the person keys, too: an odd mark stands for a row,
        an even one for its end, and half of it for the instant."""
        bound = act.bound
        if act.statement.is_insert:
            set_ = named(act.statement._values)
            for one in act.each():
                row = {name: value_of(value, one.parameters) for name, value in set_.items()}
                row |= {n: v for n, v in one.parameters.items() if n in bound.table.c}
                act.taken.append(self._said(bound, row, 1))
        elif act.statement.is_delete and not bound.until:
            act.taken.extend(self._said(bound, row, 0) for row in self._there(act))
        return act.run()

    def _said(self, bound: Bound, row: Values, stands: int) -> Mark:
        reference = self._macs.reference(bound, row)
        now = max(self.now(), self._marks.of([reference])[reference] // 2 + 1)
        until = row[bound.until] if bound.until else None
        return Mark(reference, 2 * now + 2 - stands, until, refusing=bound.table.name)

    # ── inserting ─────────────────────────────────────────────────────────────────────

    def _insert(self, act: Act) -> Rows:
        statement, name = act.statement, act.bound.table.name
        if statement.select is not None or statement._multi_values:
            if MAC in (statement._select_names or ()):
                return act.run()
            raise TypeError(f"rows of {name} are inserted with their values")
        conflict = getattr(statement, "_post_values_clause", None)
        if MAC not in named(getattr(conflict, "update_values_to_set", {MAC: None})):
            raise TypeError(f"an upsert of {name} sets row_mac to excluded.row_mac")
        set_ = named(statement._values)
        if MAC in set_:
            return act.run()
        if not act.parameters:
            return act.run(statement.values({MAC: self._new_mac(act.bound, set_, {})}))
        given = [
            {**one.parameters, MAC: self._new_mac(act.bound, set_, one.parameters)}
            for one in act.each()
        ]
        return act.run(parameters=given[0] if isinstance(act.parameters, Mapping) else given)

    def _new_mac(self, bound: Bound, set_: Values, parameters: Values) -> bytes | None:
        columns = bound.table.c
        row = {name: default_of(columns[name]) for name in bound.needed}
        row |= {name: value_of(value, parameters) for name, value in set_.items()}
        row |= {name: value for name, value in parameters.items() if name in columns}
        if not bound.grants(row):
            return None
        version = self.now()
        if bound.remembered and bound.reused:
            reference = self._macs.reference(bound, row)
            version = max(version, self._marks.of([reference])[reference])
        return self._macs.make(bound, row, version)

    # ── changing ──────────────────────────────────────────────────────────────────────

    def _update(self, act: Act) -> Rows:
        bound, columns = act.bound, act.bound.table.c
        set_ = named(act.statement._values)
        set_ |= {name: value for name, value in act.parameters.items() if name in columns}
        if MAC in set_ or not set_.keys() & {*bound.covered, *bound.only_while}:
            return act.run()
        new: dict[str, Any] = {}
        unknown = False
        for name, value in set_.items():
            try:
                new[name] = value_of(value, act.parameters)
            except Unknown:
                unknown = True
        if any(name in new and new[name] not in v for name, v in bound.only_while.items()):
            return self._spend(act)
        return self._change(act, new, unknown)

    def _spend(self, act: Act) -> Rows:
        """The rows give up what they granted: without a MAC, nobody gives it back to them.

        A wrong one does, too, lest it be mended afterwards, but it does not count.
        """
        bound, spent = act.bound, act.statement.values({MAC: null()})
        if bound.read_first and not bound.remembered:
            return act.run(spent)
        rows = self._there(act)
        if bound.remembered:
            act.taken.extend(self._gone(bound, row) for row in rows)
        if bound.read_first:
            return act.run(spent.where(any_of(bound, rows)))
        good: list[dict[str, Any]] = []
        bad: list[dict[str, Any]] = []
        for row, why in zip(rows, self._inspection.verdicts(bound, rows), strict=True):
            (bad if self._inspection.refuses(bound, row, why) else good).append(row)
        if bad:
            act.run(spent.where(any_of(bound, bad)))
        return act.run(spent.where(any_of(bound, good)))

    def _change(self, act: Act, new: Values, unknown: bool) -> Rows:
        bound, rows = act.bound, self._there(act)
        verdicts = self._inspection.verdicts(bound, rows)
        good = [
            row
            for row, why in zip(rows, verdicts, strict=True)
            if not self._inspection.refuses(bound, row, why) and bound.grants(row)
        ]
        theirs = any_of(bound, good)
        statement = act.statement.where(theirs)
        if not good:
            return act.run(statement)
        if not unknown:
            made = self._made(act, [(row, {**row, **new}) for row in good])
            return act.run(statement.values({MAC: made}))
        # Only the database knows the new values: they are read before the MAC is made.
        result = act.run(statement)
        read = execute(act.connection, whole(bound).where(theirs))
        after = {key_of(bound, row): row for row in (dict(each._mapping) for each in read)}
        made = self._made(act, [(row, after[key_of(bound, row)]) for row in good])
        execute(act.connection, bound.table.update().where(theirs).values({MAC: made}))
        return result

    def _made(self, act: Act, changes: Sequence[tuple[Values, Values]]) -> Any:
        """The new MAC; of several rows, an expression that gives each its own."""
        macs = [self.row_mac(act.taken, act.bound, after, before) for before, after in changes]
        if len(macs) == 1:
            return macs[0]
        return case(
            *((here(act.bound, after), mac) for (_, after), mac in zip(changes, macs, strict=True))
        )

    def _remember(
        self, taken: list[Mark], bound: Bound, before: Values, after: Values, version: int
    ) -> None:
        if bound.remembered and bound.takes(before, after):
            taken.append(self._mark(bound, after, version))

    # ── deleting ──────────────────────────────────────────────────────────────────────

    def _delete(self, act: Act) -> Rows:
        if act.bound.remembered:
            rows = self._there(act)
            act.taken.extend(self._gone(act.bound, row) for row in rows if act.bound.grants(row))
        return act.run()

    def _gone(self, bound: Bound, row: Values) -> Mark:
        return self._mark(bound, row, self._next_version(row) if bound.reused else FOR_EVER)

    def _mark(self, bound: Bound, row: Values, version: int) -> Mark:
        until = row[bound.until] if bound.until else None
        return Mark(self._macs.reference(bound, row), version, until, bound.remembered == "soon")

    def _next_version(self, before: Values | None) -> int:
        """Higher than that of the row as it was, and than what a clock of before wrote."""
        mac = before[MAC] if before is not None else None
        old = int.from_bytes(bytes(mac)[:8], "big") if mac else 0
        return max(old + 1, self.now())

    def _there(self, act: Act) -> list[dict[str, Any]]:
        """The rows that a statement is about, kept as they are until the commit."""
        bound, statement = act.bound, act.statement
        query = whole(bound).where(*statement._where_criteria).with_for_update()
        if statement.is_delete and bound.until:
            # What is over by its own date needs no mark: sweeping costs nothing more.
            query = query.where(bound.table.c[bound.until] >= self._clock.now())
        found = execute(act.connection, query, act.parameters or {})
        return [dict(row._mapping) for row in found]
