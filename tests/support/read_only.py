"""A database that takes no write any more, as on a full disk or after a failover."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event

from foundation.database import Database


@contextmanager
def read_only(database: Database) -> Iterator[None]:
    """Every write fails with the database's own error while the block lasts, on new connections
    as on those that are open."""
    begin = _on_sqlite(database) if database.dialect == "sqlite" else _on_postgresql(database)
    begin(True)
    try:
        yield
    finally:
        begin(False)


def _on_sqlite(database: Database) -> Any:
    dialect: Any = database.engine.dialect
    usual = getattr(dialect.do_begin, "usual", dialect.do_begin)

    def switch(on: bool) -> None:
        def do_begin(connection: Any) -> None:
            connection.execute(f"PRAGMA query_only={'ON' if on else 'OFF'}")
            usual(connection)

        do_begin.usual = usual  # type: ignore[attr-defined]
        dialect.do_begin = do_begin

    return switch


def _on_postgresql(database: Database) -> Any:
    def refuse(connection: Connection) -> None:
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")

    def switch(on: bool) -> None:
        (event.listen if on else event.remove)(database.engine, "begin", refuse)

    return switch
