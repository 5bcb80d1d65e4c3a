"""One engine — SQLite embedded, PostgreSQL by URL — and the unit of work (floor plan, rule 1)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import RLock
from typing import Any, ClassVar, Protocol

from sqlalchemy import (
    Connection,
    CursorResult,
    Engine,
    Executable,
    MetaData,
    Row,
    Table,
    Text,
    create_engine,
    event,
)
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool
from sqlalchemy.schema import CreateSchema
from sqlalchemy.types import TypeDecorator

from foundation.settings import Section, SettingsError

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)
"""Every wing declares its tables here; the roof owns the one history of migrations."""

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


class DatabaseSettings(Section):
    """Where the state lives. On PostgreSQL several deployments may share one, by schema."""

    section: ClassVar[str] = "database"
    url: str = "sqlite:///civitas.db"
    """`sqlite:///file`, relative to the configuration, or `postgresql+psycopg://…`."""
    schema_name: str | None = None
    """PostgreSQL schema of this deployment."""
    pool: int = 24
    """Connections to PostgreSQL that a process keeps; up to 40 more while it is busy."""


class Json(TypeDecorator[Any]):
    """A JSON value as text, the same bytes on every database."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


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
    ) -> Any:
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

    def execute(self, statement: Executable, parameters: Parameters = None) -> CursorResult[Any]:
        """Run a statement, once or for each of several rows."""
        if isinstance(parameters, Sequence) and len(parameters) == 1:
            # psycopg sends a list as a pipeline, which for one row is dearer than the statement.
            parameters = parameters[0]
        if self.guard is not None:
            concern = self.guard.concerns(statement)
            if concern is not None:
                result: CursorResult[Any] = self.guard.run(
                    self.connection, self.taken, statement, parameters, concern
                )
                return result
        return self.connection.execute(statement, parameters)

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


class Database:
    """Opens units of work on SQLite or PostgreSQL.

    `read()` never writes, and each of its statements sees one consistent state; `write()` commits
    when its block ends, before any answer leaves, and rolls back when the block raises.
    """

    def __init__(self, url: str, schema: str | None = None, pool: int = 24) -> None:
        self.url = url
        self.schema = schema
        self.engine = _engine(url, schema, pool, reading=False)
        self.dialect = self.engine.dialect.name
        # Reads have connections of their own, on which the database itself refuses to write.
        self._reader = _engine(url, schema, pool, reading=True)
        # SQLite lets one writer in, and the others poll with ever longer sleeps: here they queue
        # for one connection.
        self._turn = RLock()
        self._writer: Connection | None = None
        self.guard: RowGuard | None = None
        """Makes and checks the MACs of rows; without one (a copy, a migration) nothing is."""

    @contextmanager
    def read(self) -> Iterator[UnitOfWork]:
        with self._reader.connect() as connection:
            yield UnitOfWork(connection, self.guard)

    @contextmanager
    def snapshot(self) -> Iterator[UnitOfWork]:
        """Reads that all see the state of one moment, while others write."""
        with self._reader.connect() as connection:
            if self.dialect == "sqlite":
                connection.exec_driver_sql("BEGIN")
                try:
                    yield UnitOfWork(connection)
                finally:
                    connection.exec_driver_sql("ROLLBACK")
            else:
                connection.execution_options(isolation_level="REPEATABLE READ")
                with connection.begin():
                    yield UnitOfWork(connection)

    @contextmanager
    def write(self) -> Iterator[UnitOfWork]:
        if self.dialect != "sqlite":
            with self.engine.begin() as connection:
                uow = UnitOfWork(connection, self.guard)
                yield uow
                self._owe(uow)
        else:
            with self._turn:
                if self._writer is None:
                    self._writer = self.engine.connect()
                with self._writer.begin():
                    uow = UnitOfWork(self._writer, self.guard)
                    yield uow
                    self._owe(uow)
        if uow.taken and self.guard is not None:
            self.guard.committed(uow.taken)

    def _owe(self, uow: UnitOfWork) -> None:
        if uow.taken and self.guard is not None:
            self.guard.owe(uow.connection, uow.taken)

    def make_schema(self) -> None:
        """Make the PostgreSQL schema that the settings name, if it is missing."""
        if self.schema and self.dialect == "postgresql":
            with self.engine.begin() as connection:
                connection.execute(CreateSchema(self.schema, if_not_exists=True))

    def close(self) -> None:
        with self._turn:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
        self.engine.dispose()
        self._reader.dispose()


def _engine(url: str, schema: str | None, pool: int, *, reading: bool) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingsError(
            f"[database] url {url!r} is not a database URL; write sqlite:///civitas.db or "
            "postgresql+psycopg://user@host/name."
        ) from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _sqlite(url, pool, reading)
    if backend == "postgresql":
        return _postgresql(url, schema, pool, reading)
    raise SettingsError(
        f"[database] {backend} is not supported; write sqlite:///… or postgresql+psycopg://…"
    )


def _sqlite(url: str, pool: int, reading: bool) -> Engine:
    engine = create_engine(
        url,
        connect_args={"timeout": 30, "check_same_thread": False},
        poolclass=QueuePool,
        hide_parameters=True,  # an error goes to the log, what was to be stored does not
        pool_size=max(1, pool // 2),
        max_overflow=20,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        _keep_private(cursor.execute("PRAGMA database_list").fetchone()[2])
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA secure_delete=ON")
        cursor.execute(f"PRAGMA query_only={'ON' if reading else 'OFF'}")
        if not reading:
            # There is one writer: nobody makes out of date what it keeps. Pages that change again
            # and again are carried over from the log to the file less often.
            cursor.execute("PRAGMA cache_size=-8192")  # KiB
            cursor.execute("PRAGMA wal_autocheckpoint=4000")  # pages of 4 KiB
        cursor.close()

    # A write takes the lock at its start, or it could not be sure of what it has read. Each
    # statement of a read has its own snapshot, as on PostgreSQL, and needs no transaction. The
    # dialect's own hook costs half of what a listener to SQLAlchemy's `begin` event does.
    def do_begin(dbapi_connection: Any) -> None:
        if not reading:
            dbapi_connection.execute("BEGIN IMMEDIATE")

    engine.dialect.do_begin = do_begin  # type: ignore[method-assign]
    return engine


def _keep_private(file: str) -> None:
    """A fresh database is its owner's alone; the files that SQLite puts beside it follow it."""
    if file and Path(file).stat().st_size == 0:
        Path(file).chmod(0o600)


def _postgresql(url: str, schema: str | None, pool: int, reading: bool) -> Engine:
    options = [f"-csearch_path={schema}"] if schema else []
    if reading:
        options.append("-cdefault_transaction_read_only=on")
    arguments: dict[str, Any] = {"connect_timeout": 10}
    if options:
        arguments["options"] = " ".join(options)
    return create_engine(
        url,
        connect_args=arguments,
        poolclass=QueuePool,
        hide_parameters=True,  # an error goes to the log, what was to be stored does not
        pool_size=max(1, pool // 2),
        max_overflow=20,
        pool_pre_ping=False,
        # The same few connections while they suffice: what they have prepared stays prepared.
        pool_use_lifo=True,
        # At READ COMMITTED each statement has its own snapshot, in a transaction or not: a read
        # needs no BEGIN and no ROLLBACK, which would be two more journeys to the database.
        isolation_level="AUTOCOMMIT" if reading else "READ COMMITTED",
    )
