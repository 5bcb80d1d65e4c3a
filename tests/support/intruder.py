"""Somebody who writes the database and has no key: plain SQL on a connection of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection, Table, Update, create_engine, insert, select, text, update

from foundation.database import Database


class Intruder:
    """Reads, changes, inserts and deletes rows past the program."""

    def __init__(self, database: Database) -> None:
        self._engine = create_engine(database.url)

    def run(self, sql: str, **values: Any) -> int:
        """One statement; how many rows it changed."""
        with self._engine.begin() as connection:
            return connection.execute(text(sql), values).rowcount

    def do(self, statement: Update) -> int:
        """The same, of a statement that is built."""
        with self._engine.begin() as connection:
            return connection.execute(statement).rowcount

    def copy(self, table: Table) -> list[dict[str, Any]]:
        """All rows as they are now: a backup."""
        with self._engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(select(table))]

    def put_back(
        self, table: Table, rows: Sequence[Mapping[str, Any]], key: Sequence[str] = ()
    ) -> None:
        """Rows of an older copy in place of the present ones with their keys."""
        names = key or [column.name for column in table.primary_key]
        with self._engine.begin() as connection:
            for row in rows:
                here = [table.c[name] == row[name] for name in names]
                changed = connection.execute(update(table).where(*here).values(**row))
                if changed.rowcount == 0:
                    connection.execute(insert(table).values(**row))

    def connection(self) -> AbstractContextManager[Connection]:
        """For what is said in no other way."""
        return self._engine.begin()

    def close(self) -> None:
        self._engine.dispose()


__all__ = ["Intruder"]
