"""Somebody who writes the database and has no key: plain SQL on a connection of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table, create_engine, delete, insert, select, text

from foundation.database import Database


class Intruder:
    """Reads, changes, inserts and deletes rows past the program."""

    def __init__(self, database: Database) -> None:
        self._engine = create_engine(database.url)

    def run(self, sql: str, **values: Any) -> int:
        """One statement; how many rows it changed."""
        with self._engine.begin() as connection:
            return connection.execute(text(sql), values).rowcount

    def copy(self, table: Table) -> list[dict[str, Any]]:
        """All rows as they are now: a backup."""
        with self._engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(select(table))]

    def put_back(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows of an older copy in place of the present ones with their keys."""
        with self._engine.begin() as connection:
            for row in rows:
                here = (column == row[column.name] for column in table.primary_key)
                connection.execute(delete(table).where(*here))
                connection.execute(insert(table).values(**row))

    def close(self) -> None:
        self._engine.dispose()


__all__ = ["Intruder"]
