"""A database put back to what it was, as by the restoration of a backup, inside one process."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, MetaData, inspect, select

from foundation.database import Database, metadata
from foundation.rows.once import end_what_works_once
from foundation.runtime import Runtime
from foundation.vault import vault_metadata
from pki import void_lists

Rows = dict[str, list[dict[str, Any]]]


class Backup:
    """All rows of the database, and of the store of person keys, as of now."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.made_at = runtime.clock.now()
        self._rows = _read(runtime.database, metadata)
        self._keys = _read(runtime.vault.store, vault_metadata)

    def restore(self, *, person_keys: bool = False) -> None:
        """Put the database back, as `civitas restore` would; the person keys too if asked."""
        now = self.runtime.clock.now()
        with self.runtime.database.engine.begin() as connection:
            _write(connection, metadata, self._rows)
            void_lists(connection, now, self.made_at)
            end_what_works_once(connection, now)
        if person_keys:
            with self.runtime.vault.store.engine.begin() as connection:
                _write(connection, vault_metadata, self._keys)


def _present(connection: Connection, tables: MetaData) -> list[Any]:
    there = set(inspect(connection).get_table_names())
    return [table for table in tables.sorted_tables if table.name in there]


def _read(database: Database, tables: MetaData) -> Rows:
    with database.engine.connect() as connection:
        return {
            t.name: [dict(row._mapping) for row in connection.execute(select(t))]
            for t in _present(connection, tables)
        }


def _write(connection: Connection, tables: MetaData, rows: Rows) -> None:
    there = _present(connection, tables)
    for table in reversed(there):
        connection.execute(table.delete())
    for table in there:
        if rows[table.name]:
            connection.execute(table.insert(), rows[table.name])
