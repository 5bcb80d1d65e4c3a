"""Statements that commit together, or not at all (architecture, rule 1); who guards their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, Executable, Row, Table

from foundation.compiled import Parameters, Rows, execute


class RowGuard(Protocol):
    """Who makes and checks the MACs of rows that grant something (`foundation.rows.guard`)."""

    def concerns(self, statement: Any) -> Any:
        """What there is to do about a statement; None for nothing."""

    def run(
        self,
        connection: Connection,
        taken: list[Any],
        statement: Any,
        parameters: Any,
        concern: Any,
    ) -> Rows:
        """Run it; marks of what it takes away are added to `taken`."""

    def row_mac(self, taken: list[Any], bound: Any, after: Any, before: Any) -> bytes:
        """For a statement that a store writes by itself."""

    def refused_at(self, asked: Any) -> Any:
        """Since when each of these keys is refused."""

    def owe(self, connection: Connection, taken: Sequence[Any]) -> None:
        """At the end of a unit of work, before its commit."""

    def committed(self, taken: Sequence[Any]) -> None:
        """After it."""


class UnitOfWork:
    """Statements that commit together, or not at all."""

    __slots__ = ("connection", "guard", "taken")

    def __init__(self, connection: Connection, guard: RowGuard | None = None) -> None:
        self.connection = connection
        self.guard = guard
        self.taken: list[Any] = []

    def execute(self, statement: Executable, parameters: Parameters = None) -> Rows:
        """Run a statement, once or for each of several rows."""
        if isinstance(parameters, Sequence) and len(parameters) == 1:
            parameters = parameters[0]
        if self.guard is not None:
            concern = self.guard.concerns(statement)
            if concern is not None:
                return self.guard.run(self.connection, self.taken, statement, parameters, concern)
        return execute(self.connection, statement, parameters)

    def one(self, statement: Executable, parameters: Parameters = None) -> Row[Any] | None:
        """The first row, or None."""
        return self.execute(statement, parameters).first()

    def all(self, statement: Executable, parameters: Parameters = None) -> Sequence[Row[Any]]:
        return self.execute(statement, parameters).all()

    def changed(self, statement: Executable, parameters: Parameters = None) -> int:
        """How many rows the statement changed: what decides single use."""
        return self.execute(statement, parameters).rowcount

    def row_mac(
        self, table: Table, after: Mapping[str, Any], before: Mapping[str, Any] | None = None
    ) -> bytes | None:
        """The MAC for a statement that sets `row_mac` itself: `after` is the whole row, `before`
        what was read of it. Only for what the guard cannot see into, such as INSERT … SELECT."""
        if self.guard is None:
            return None
        return self.guard.row_mac(self.taken, table.info["bound"], after, before)

    def refused_at(self, *asked: tuple[Table, Mapping[str, Any]]) -> list[datetime | None]:
        """Since when each of these keys (its table, its columns) is refused as far as is remembered
        outside of the database; for tables declared by `row_macs.refuses`."""
        if self.guard is None:
            return [None] * len(asked)
        found: list[datetime | None] = self.guard.refused_at(asked)
        return found


class NothingThatGrants:
    """The guard of a read that may be old: a row that was changed since would pass for forged."""

    def __init__(self, guard: RowGuard) -> None:
        self._guard = guard

    def concerns(self, statement: Any) -> None:
        if self._guard.concerns(statement) is not None:
            raise TypeError("rows that grant something are read from the primary")

    def __getattr__(self, name: str) -> Any:
        raise TypeError("rows that grant something are read from the primary")
