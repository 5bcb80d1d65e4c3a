"""The guard of bound rows: every statement of a unit of work passes here (`row_macs`).

What is written gets its MAC (`rows.writing`). What is read is checked (`rows.inspection`), and a
row that was moved, raised, made up or brought back is left out. No caller can forget it, and none
has to think of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Select, Table

from foundation.clock import Clock, instant
from foundation.compiled import Rows, execute, shape
from foundation.row_macs import MAC, NOW, Bound, Macs, binding, refusal
from foundation.rows import marks as row_marks
from foundation.rows.inspection import BROUGHT_BACK, Inspection
from foundation.rows.marks import FOR_EVER, Mark, Marks
from foundation.rows.statements import Check, Plan, Values, here, plan
from foundation.rows.writing import Act, Writing


class Guard:
    """Makes MACs, checks them, and notes what was taken away; safe to share between threads."""

    def __init__(self, macs: Macs, marks: Marks, clock: Clock) -> None:
        self.macs = macs
        self.marks = marks
        self.inspection = Inspection(macs, marks)
        self._writing = Writing(self.inspection, clock)
        self._clock = clock
        self._plans: WeakKeyDictionary[Select[Any], Plan | None] = WeakKeyDictionary()

    def concerns(self, statement: Any) -> Plan | Bound | None:
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
        concern: Plan | Bound,
    ) -> Rows:
        """Run a statement on bound rows; marks of what it takes away are added to `taken`."""
        if isinstance(concern, Plan):
            return self._select(connection, statement, parameters, concern)
        return self._writing.run(Act(connection, taken, statement, parameters, concern))

    def row_mac(
        self, taken: list[Mark], bound: Bound, after: Values, before: Values | None
    ) -> bytes:
        """For a statement that a store writes by itself, of a row that it read as `before`."""
        return self._writing.row_mac(taken, bound, after, before)

    def owe(self, connection: Connection, taken: Sequence[Mark]) -> None:
        """At the end of a unit of work, before its commit."""
        row_marks.owe(connection, taken)

    def committed(self, taken: Sequence[Mark]) -> None:
        """After it."""
        self.marks.committed(taken)

    def refused_at(self, asked: Sequence[tuple[Table, Values]]) -> list[datetime | None]:
        """Since when each of these keys is refused, whatever the table says now."""
        references = [self.macs.reference(_refusal(table), row) for table, row in asked]
        marks = self.marks.of(references)
        found = (marks[reference] for reference in references)
        return [instant(mark // 2) if mark % 2 else None for mark in found]

    def end_older(self, connection: Connection, bound: Bound, row: Values) -> None:
        """Let a row of a restored backup grant no more than it did when the mark was raised."""
        ends = bound.ended
        theirs = here(bound, row)
        if not ends:
            connection.execute(bound.table.delete().where(theirs))
            return
        at = self._clock.now()
        new = {name: at if value == NOW else value for name, value in ends.items()}
        mac = None
        reference = self.macs.reference(bound, row)
        version = max(self._writing.now(), self.marks.of([reference])[reference])
        # What was deleted for good does not come back, not even suspended.
        if bound.grants({**row, **new}) and version != FOR_EVER:
            mac = self.macs.make(bound, {**row, **new}, version)
        connection.execute(bound.table.update().where(theirs).values({**new, MAC: mac}))

    # ── reading ───────────────────────────────────────────────────────────────────────

    def _plan(self, statement: Select[Any]) -> Plan | None:
        try:
            return self._plans[statement]
        except KeyError:
            made = self._plans[statement] = plan(statement)
            return made

    def _select(
        self, connection: Connection, statement: Select[Any], parameters: Any, planned: Plan
    ) -> Rows:
        wide = statement if planned.wide is None else planned.wide
        result = execute(connection, wide, parameters)
        rows: list[Any] = list(result)
        if not self._sift(planned.checks, rows, final=False):
            # A mark is raised after the commit of what was taken away: somebody's that came between
            # our two reads makes the row look brought back. As it is now, it does not.
            result = execute(connection, wide, parameters)
            rows = list(result)
            self._sift(planned.checks, rows, final=True)
        told = planned.told
        kept = [tuple([row[place] for place in told]) for row in rows if row is not None]
        keys = tuple([result.keys[place] for place in told])
        return Rows(shape(keys).rows(kept), len(kept), keys)

    def _sift(self, checks: Sequence[Check], rows: list[Any], *, final: bool) -> bool:
        """Put None, or a row without its part, in place of what does not prove itself. False, and
        nothing is put, if there is one that looks brought back and it is not `final`."""
        places: list[list[int]] = []
        asked: list[tuple[Bound, list[dict[str, Any]]]] = []
        for check in checks:
            present: list[int] = []
            found: list[dict[str, Any]] = []
            key = check.bound.key[0]
            for i, row in enumerate(rows):
                values = {name: row[place] for name, place in check.places}
                if values[key] is not None:
                    present.append(i)
                    found.append(values)
            places.append(present)
            asked.append((check.bound, found))
        verdicts = self.inspection.verdicts_on(asked)
        if not final and any(BROUGHT_BACK in why for why in verdicts):
            return False
        for check, present, (bound, found), why in zip(
            checks, places, asked, verdicts, strict=True
        ):
            for i, values, wrong in zip(present, found, why, strict=True):
                if rows[i] is not None and self.inspection.refuses(bound, values, wrong):
                    rows[i] = (
                        tuple(None if p in check.own else v for p, v in enumerate(rows[i]))
                        if check.optional
                        else None
                    )
        return True


def _refusal(table: Table) -> Bound:
    found = refusal(table)
    if found is None:
        raise TypeError(f"{table.name} is not declared as one that refuses")
    return found
