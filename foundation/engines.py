"""How SQLite and PostgreSQL are connected to, and for how long anything is waited for."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from foundation.event_loop import in_thread, on_loop, wait
from foundation.settings import SettingsError

SHARED = 20
"""Connections beyond half the pool that an engine opens while it is busy."""
_DRIVERS = ("sqlite", "sqlite+pysqlite", "postgresql+psycopg")


@dataclass(frozen=True, slots=True)
class Patience:
    """For how many seconds a database is waited for."""

    connect: int = 5
    statement: float = 30
    lock: float = 10
    idle: float = 60
    silent: int = 20


def engine(
    url: str,
    schema: str | None,
    pool: int,
    patience: Patience,
    *,
    reading: bool,
    pooled: bool = False,
    standby: bool = False,
) -> Engine:
    """An engine for all reads, on which the database itself refuses to write, or for all writes.

    `pooled`: a pooler stands before PostgreSQL, and hands a connection on after each transaction.
    `standby`: the database is a copy that follows the primary.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingsError(
            f"[database] url {url!r} is not a database URL; write sqlite:///civitas.db or "
            "postgresql+psycopg://user@host/name."
        ) from None
    backend = parsed.get_backend_name()
    if (wrong := parsed.drivername) not in _DRIVERS and backend in ("sqlite", "postgresql"):
        right = "sqlite" if backend == "sqlite" else "postgresql+psycopg"
        raise SettingsError(
            f"[database] url begins with {wrong}://, a driver that is not in use here; write "
            f"{right}://…"
        )
    if backend == "sqlite":
        return _sqlite(parsed, pool, patience, reading)
    if backend == "postgresql":
        return _postgresql(parsed, schema, pool, patience, reading, pooled, standby)
    raise SettingsError(
        f"[database] {backend} is not supported; write sqlite:///… or postgresql+psycopg://…"
    )


def _sqlite(url: URL, pool: int, patience: Patience, reading: bool) -> Engine:
    made = create_engine(
        url,
        connect_args={"timeout": patience.lock, "check_same_thread": False},
        poolclass=QueuePool,
        hide_parameters=True,  # an error goes to the log, what was to be stored does not
        pool_size=max(1, pool // 2),
        max_overflow=SHARED,
        pool_timeout=patience.lock,
    )

    @event.listens_for(made, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        _keep_private(cursor.execute("PRAGMA database_list").fetchone()[2])
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA secure_delete=ON")
        cursor.execute(f"PRAGMA query_only={'ON' if reading else 'OFF'}")
        if reading:
            # Every commit makes what is kept here out of date, and the system keeps the file:
            # two megabytes for each of a dozen connections would find nothing sooner.
            cursor.execute("PRAGMA cache_size=-512")  # KiB
        else:
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
            _begin(dbapi_connection, patience.lock)

    made.dialect.do_begin = do_begin  # type: ignore[method-assign]
    return made


def _begin(connection: sqlite3.Connection, seconds: float) -> None:
    """BEGIN, when no other process writes."""
    until = time.monotonic() + seconds
    pause = 0.001
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        if on_loop() is not None:
            wait(asyncio.sleep(pause))
        else:
            time.sleep(pause)
        pause = min(2 * pause, 0.02)


def _keep_private(file: str) -> None:
    """A fresh database is its owner's alone; the files that SQLite puts beside it follow it."""
    if file and Path(file).stat().st_size == 0:
        Path(file).chmod(0o600)


def _postgresql(
    url: URL,
    schema: str | None,
    pool: int,
    patience: Patience,
    reading: bool,
    pooled: bool,
    standby: bool,
) -> Engine:
    from foundation.postgresql import Connection  # the driver's 9 MB are not for SQLite

    arguments = _arguments(url, patience, reading)
    if standby and "target_session_attrs" in arguments:
        arguments["target_session_attrs"] = "prefer-standby"
    if pooled:
        _refuse_options(url)
        # What is prepared on one connection is asked for on another.
        arguments["prepare_threshold"] = None
    else:
        arguments["options"] = _options(url, schema, patience, reading)
    made = create_engine(
        url,
        connect_args=arguments,
        poolclass=QueuePool,
        hide_parameters=True,  # an error goes to the log, what was to be stored does not
        pool_size=max(1, pool // 2),
        max_overflow=SHARED,
        pool_timeout=patience.lock,
        pool_pre_ping=False,
        # The same few connections while they suffice: what they have prepared stays prepared.
        pool_use_lifo=True,
        # At READ COMMITTED each statement has its own snapshot, in a transaction or not: a read
        # needs no BEGIN and no ROLLBACK, which would be two more journeys to the database.
        # Behind a pooler we say BEGIN ourselves.
        isolation_level="AUTOCOMMIT" if reading or pooled else "READ COMMITTED",
    )

    @event.listens_for(made, "do_connect")
    def _connect(dialect: Any, record: Any, given: list[Any], named: dict[str, Any]) -> Any:
        return in_thread(Connection.connect, *given, **named)

    if pooled:
        opening = _opening(made, schema, patience, reading)

        def do_begin(dbapi_connection: Any) -> None:
            dbapi_connection.execute(opening)

        made.dialect.do_begin = do_begin  # type: ignore[method-assign]
    return made


def _opening(engine: Engine, schema: str | None, patience: Patience, reading: bool) -> str:
    """BEGIN, and all that a connection of our own would have been told once: one journey."""
    told = [
        "BEGIN READ ONLY" if reading else "BEGIN",
        *(f"SET LOCAL {name} = {value}" for name, value in _limits(patience)),
    ]
    if schema:
        told.append(f"SET LOCAL search_path = {engine.dialect.identifier_preparer.quote(schema)}")
    return "; ".join(told)


def _limits(patience: Patience) -> tuple[tuple[str, int], ...]:
    """In milliseconds."""
    return (
        ("statement_timeout", round(patience.statement * 1000)),
        ("lock_timeout", round(patience.lock * 1000)),
        ("idle_in_transaction_session_timeout", round(patience.idle * 1000)),
    )


def _refuse_options(url: URL) -> None:
    if "options" in url.query:
        raise SettingsError(
            "A database URL has options, and no pooler in transaction mode passes them on: remove "
            "them. statement_seconds, lock_seconds and idle_seconds hold behind one too; anything "
            "else is set for the role (ALTER ROLE … SET …)."
        )


def _arguments(url: URL, patience: Patience, reading: bool) -> dict[str, Any]:
    """What libpq is told; what the URL says of the same goes before, as its writer meant it."""
    ours: dict[str, Any] = {
        "connect_timeout": patience.connect,
        # A host that is gone says nothing, not even that: whoever waits for it is told.
        "keepalives_idle": max(1, patience.silent // 2),
        "keepalives_interval": max(1, patience.silent // 8),
        "keepalives_count": 4,
        "tcp_user_timeout": patience.silent * 1000,
    }
    given = {name: value for name, value in url.query.items() if isinstance(value, str)}
    arguments = {name: value for name, value in ours.items() if name not in given}
    wanted = given.get("target_session_attrs", "read-write" if _several_hosts(url) else "any")
    if wanted == "read-write":
        # Of several hosts, the one that takes writes. Sessions that refuse to write by our own
        # word would never pass for that: they want the primary.
        arguments["target_session_attrs"] = "primary" if reading else wanted
    return arguments


def _options(url: URL, schema: str | None, patience: Patience, reading: bool) -> str:
    """What a session is told once, at its start."""
    options = [f"-c{name}={value}" for name, value in _limits(patience)]
    if isinstance(given := url.query.get("options"), str):
        options.append(given)
    if schema:
        options.append(f"-csearch_path={schema}")
    if reading:
        options.append("-cdefault_transaction_read_only=on")
    return " ".join(options)


def _several_hosts(url: URL) -> bool:
    hosts = url.query.get("host", url.host or "")
    return isinstance(hosts, tuple) or "," in hosts
