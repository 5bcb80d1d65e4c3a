"""One engine — SQLite embedded, PostgreSQL by URL — and the unit of work (architecture, rule 1)."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol

from pydantic import Field
from sqlalchemy import (
    Connection,
    Engine,
    Executable,
    MetaData,
    Row,
    Table,
    Text,
    func,
    select,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.schema import CreateSchema
from sqlalchemy.types import TypeDecorator

from foundation.compiled import Parameters, Rows, execute, say
from foundation.engines import SHARED, Patience, engine
from foundation.event_loop import Lock, Turns, in_thread, on_loop
from foundation.groups import Writer
from foundation.outages import let_go_of_what_ended
from foundation.settings import Section, SettingsError

log = logging.getLogger("civitas.database")
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)
"""Every package declares its tables here; `civitas` owns the one history of migrations."""


class DatabaseSettings(Section):
    """Where the state lives. On PostgreSQL several deployments may share one, by schema."""

    section: ClassVar[str] = "database"
    url: str = "sqlite:///civitas.db"
    """`sqlite:///file`, relative to the configuration, or `postgresql+psycopg://…`."""
    schema_name: str | None = None
    """PostgreSQL schema of this deployment."""
    replica_url: str | None = None
    """A PostgreSQL that follows that of `url` (streaming replication): for pages of a ledger and of
    the auditors' list behind the first, which no act of today changes. Absent: none."""
    replica_seconds: float = Field(default=10, ge=1)
    """A replica that is further behind is not asked."""
    pooler: Literal["transaction"] | None = None
    """`transaction`: a pooler such as pgbouncer stands before PostgreSQL (before that of `[vault]`
    `keys` too) and hands connections on after each transaction. Absent: none does."""
    group: int = Field(default=64, ge=1)
    """So many acts share one COMMIT at most, when they wait for the disk together."""
    pool: int = Field(default=24, ge=1)
    """Connections to PostgreSQL that a process keeps; up to 40 more while it is busy."""
    connect_seconds: int = Field(default=5, ge=2)
    """How long a connection may take to come about, for each host that the URL names."""
    statement_seconds: float = Field(default=30, ge=1)
    """How long one statement of a request may take on PostgreSQL."""
    lock_seconds: float = Field(default=10, ge=1)
    """How long a row, a table, SQLite's one writer or a connection of the pool is waited for."""
    idle_seconds: float = Field(default=60, ge=5)
    """How long a transaction on PostgreSQL may lie still before the server ends it."""
    silent_seconds: int = Field(default=20, ge=4)
    """A PostgreSQL of which nothing at all was heard (TCP) for so long counts as gone."""

    @property
    def patience(self) -> Patience:
        return Patience(
            connect=self.connect_seconds,
            statement=self.statement_seconds,
            lock=self.lock_seconds,
            idle=self.idle_seconds,
            silent=self.silent_seconds,
        )


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


def count_on(connection: Connection, table: Table) -> None:
    """After rows with numbers of their own were written: the database, where it numbers those to
    come, goes on behind them. SQLite does so by itself."""
    [column] = [column for column in table.primary_key if column.identity is not None]
    if connection.dialect.name == "postgresql":
        last = select(func.max(column)).scalar_subquery()
        sequence = func.pg_get_serial_sequence(table.name, column.name)
        connection.execute(select(func.setval(sequence, func.coalesce(last, 0) + 1, False)))


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


@dataclass(frozen=True, slots=True)
class Replica:
    """A database that follows the primary, and how many seconds behind it is of use."""

    url: str
    seconds: float


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


class _NothingThatGrants:
    """The guard of a read that may be old: a row that was changed since would pass for forged."""

    def __init__(self, guard: RowGuard) -> None:
        self._guard = guard

    def concerns(self, statement: Any) -> None:
        if self._guard.concerns(statement) is not None:
            raise TypeError("rows that grant something are read from the primary")

    def __getattr__(self, name: str) -> Any:
        raise TypeError("rows that grant something are read from the primary")


# A copy that has no traffic to follow is no copy of now: what periodic work writes is enough.
_BEHIND = text(
    "SELECT CASE WHEN pg_is_in_recovery() THEN "
    "extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float ELSE 0 END"
)
_ASK_AGAIN = 5.0
"""Seconds until a replica that did not answer is asked again."""


class Database:
    """Opens units of work on SQLite or PostgreSQL.

    `read()` never writes, and each of its statements sees one consistent state; `write()` commits
    when its block ends, before any answer leaves, and rolls back when the block raises.
    """

    def __init__(
        self,
        url: str,
        schema: str | None = None,
        pool: int = 24,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        group: int = 64,
        pooler: str | None = None,
        replica: Replica | None = None,
    ) -> None:
        self.url = url
        self.schema = schema
        self._patience = patience
        pooled = pooler is not None
        self.engine = engine(url, schema, pool, patience, reading=False, pooled=pooled)
        self.dialect = self.engine.dialect.name
        # Reads have connections of their own, on which the database itself refuses to write.
        self._reader = engine(url, schema, pool, patience, reading=True, pooled=pooled)
        self._pooled = pooled and self.dialect == "postgresql"
        let_go_of_what_ended(self.engine, writes=True, also=self._connect_anew)
        let_go_of_what_ended(self._reader, writes=False, also=self._connect_anew)
        self._anew_at = 0.0
        # Each engine has as many connections; nobody waits in its pool, which would stop the loop.
        places = pool // 2 + SHARED
        self._places = {self.engine: Turns(places), self._reader: Turns(places)}
        self._replica = replica
        self._follower = (
            engine(replica.url, schema, pool, patience, reading=True, pooled=pooled, standby=True)
            if replica is not None
            else None
        )
        self._replica_away_until = 0.0
        if self._follower is not None:
            if {self.dialect, self._follower.dialect.name} != {"postgresql"}:
                raise SettingsError(
                    "[database] replica_url is for a PostgreSQL that follows another one: write "
                    "postgresql+psycopg://… in both, or remove replica_url."
                )
            let_go_of_what_ended(self._follower, writes=False, also=self._replica_is_away)
            self._places[self._follower] = Turns(places)
        # Connections that were given back and may be lent again as they are: what the pool does
        # at each check-out and check-in costs as much as a look-up by key.
        self._idle: dict[Engine, list[Connection]] = {each: [] for each in self._places}
        self._opened = 0
        """How often all connections were let go: who has one of before gives it to the pool."""
        self._met: set[Engine] = set()
        self._meeting = Lock()
        # SQLite lets one writer in, and the others poll with ever longer sleeps: here they queue
        # for one connection.
        self._writer = (
            Writer(self.engine, patience.lock, group) if self.dialect == "sqlite" else None
        )
        self.guard: RowGuard | None = None
        """Makes and checks the MACs of rows; without one (a copy, a migration) nothing is."""

    @contextmanager
    def read(self) -> Iterator[UnitOfWork]:
        with self._connected(self._reader) as connection:
            if self._pooled:
                # What the connection was not told for good, the transaction is told. At READ
                # COMMITTED each statement still has its own snapshot.
                with connection.begin():
                    yield UnitOfWork(connection, self.guard)
            else:
                yield UnitOfWork(connection, self.guard)

    @contextmanager
    def read_old(self) -> Iterator[UnitOfWork]:
        """A read of the replica, that may be old by `Replica.seconds`; of the primary, where there
        is no replica, it is away or further behind.

        Only for what no decision rests on: a statement about a row that grants something is a
        defect, and raises.
        """
        with ExitStack() as stack:
            uow = self._of_replica(stack)
            yield stack.enter_context(self.read()) if uow is None else uow

    def _of_replica(self, stack: ExitStack) -> UnitOfWork | None:
        follower, replica = self._follower, self._replica
        if follower is None or replica is None or time.monotonic() < self._replica_away_until:
            return None
        with ExitStack() as mine:
            try:
                connection = mine.enter_context(self._connected(follower))
                if self._pooled:
                    mine.enter_context(connection.begin())
                behind = execute(connection, _BEHIND).scalar_one()
            except SQLAlchemyError:
                self._replica_is_away()
                return None
            if behind is None or behind > replica.seconds:
                return None
            stack.push(mine.pop_all())
        return UnitOfWork(
            connection, None if self.guard is None else _NothingThatGrants(self.guard)
        )

    def _replica_is_away(self) -> None:
        if time.monotonic() >= self._replica_away_until:
            log.warning("the replica of the database does not answer: the primary is asked")
        self._replica_away_until = time.monotonic() + _ASK_AGAIN

    @contextmanager
    def snapshot(self) -> Iterator[UnitOfWork]:
        """Reads that all see the state of one moment, while others write."""
        with self._place(self._reader), self._reader.connect() as connection:
            if self.dialect == "sqlite":
                connection.exec_driver_sql("BEGIN")
                try:
                    yield UnitOfWork(connection)
                finally:
                    connection.exec_driver_sql("ROLLBACK")
            else:
                if not self._pooled:
                    connection.execution_options(isolation_level="REPEATABLE READ")
                with connection.begin():
                    if self._pooled:
                        say(connection, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                    self._take_time(connection)
                    yield UnitOfWork(connection)

    @contextmanager
    def _connected(self, engine: Engine) -> Iterator[Connection]:
        """One of the engine's connections. Raises TimeoutError (SQLAlchemy's)."""
        with self._place(engine):
            idle, opened = self._idle[engine], self._opened
            try:
                connection = idle.pop()
            except IndexError:
                connection = engine.connect()
            try:
                yield connection
            except BaseException:
                if connection.invalidated:
                    _close(idle)  # they were opened like the one that ended
                connection.close()
                raise
            if opened != self._opened or connection.invalidated or connection.in_transaction():
                connection.close()
            else:
                idle.append(connection)

    @contextmanager
    def _place(self, engine: Engine) -> Iterator[None]:
        places = self._places[engine]
        if not places.take(self._patience.lock):
            raise PoolTimeout("all connections to the database are in use")
        try:
            if engine not in self._met:
                self._meet(engine)
            yield
        finally:
            places.give_back()

    def _meet(self, engine: Engine) -> None:
        """What SQLAlchemy asks each database once, behind a lock, is no work for the loop."""
        if on_loop() is not None:
            with self._meeting:
                if engine not in self._met:
                    in_thread(lambda: engine.connect().close())
        self._met.add(engine)

    @contextmanager
    def at_leisure(self) -> Iterator[Connection]:
        """A transaction of an operator's command, such as an upgrade: no statement is cut short."""
        with self.engine.begin() as connection:
            self._take_time(connection)
            yield connection

    def _take_time(self, connection: Connection) -> None:
        if self.dialect == "postgresql":
            for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
                connection.execute(text(f"SET LOCAL {limit} = 0"))

    @contextmanager
    def write(self) -> Iterator[UnitOfWork]:
        with self._writing() as connection:
            uow = UnitOfWork(connection, self.guard)
            yield uow
            self._owe(uow)
        if uow.taken and self.guard is not None:
            self.guard.committed(uow.taken)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        if self._writer is not None:
            with self._writer.unit() as connection:
                yield connection
        else:
            with self._connected(self.engine) as connection, connection.begin():
                yield connection

    def _connect_anew(self) -> None:
        """One connection ended: the rest of both pools, where nobody uses it, is let go.

        After a failover, what is read elsewhere than where writes go would be old.
        """
        now = time.monotonic()
        if now - self._anew_at > 1:
            self._anew_at = now
            self._let_go()

    def _owe(self, uow: UnitOfWork) -> None:
        if uow.taken and self.guard is not None:
            self.guard.owe(uow.connection, uow.taken)

    def refuse_a_pooler_untold(self) -> None:
        """Raises SettingsError when what connections are told at their start is not heard: reads
        could write then, and nothing would have an end. What no connection reaches is an
        SQLAlchemyError, as everywhere."""
        if self.dialect != "postgresql" or self._pooled:
            return
        asked = text("SELECT current_setting('default_transaction_read_only')")
        try:
            with self.read() as uow:
                if uow.execute(asked).scalar_one() == "on":
                    return
        except DBAPIError as error:
            if "unsupported startup parameter" not in str(error.orig):
                raise
        raise SettingsError(
            f"What stands at {self.engine.url.render_as_string(hide_password=True)} does not tell "
            "PostgreSQL what its connections are to keep to: that is a pooler. Write [database] "
            'pooler = "transaction", or the address of PostgreSQL itself.'
        )

    def make_schema(self) -> None:
        """Make the PostgreSQL schema that the settings name, if it is missing."""
        if self.schema and self.dialect == "postgresql":
            with self.engine.begin() as connection:
                connection.execute(CreateSchema(self.schema, if_not_exists=True))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._let_go()

    def _let_go(self) -> None:
        """Of every connection that nobody uses."""
        self._opened += 1
        for of, idle in self._idle.items():
            _close(idle)
            of.dispose()


def _close(idle: list[Connection]) -> None:
    """In whichever thread, while others take of them."""
    with suppress(IndexError):
        while True:
            idle.pop().close()
