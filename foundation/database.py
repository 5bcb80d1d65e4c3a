"""One engine — SQLite embedded, PostgreSQL by URL — and the unit of work (architecture, rule 1)."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field
from sqlalchemy import (
    Connection,
    MetaData,
    Table,
    Text,
    func,
    select,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.schema import CreateSchema
from sqlalchemy.types import TypeDecorator

from foundation.compiled import execute, say
from foundation.engines import SHARED, Patience, engine
from foundation.groups import Writer
from foundation.outages import let_go_of_what_ended
from foundation.pool import Pool
from foundation.settings import Section, SettingsError
from foundation.unit_of_work import NothingThatGrants, RowGuard, UnitOfWork

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


@dataclass(frozen=True, slots=True)
class Replica:
    """A database that follows the primary, and how many seconds behind it is of use."""

    url: str
    seconds: float


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
        reader = engine(url, schema, pool, patience, reading=True, pooled=pooled)
        self._pooled = pooled and self.dialect == "postgresql"
        let_go_of_what_ended(self.engine, writes=True, also=self._connect_anew)
        let_go_of_what_ended(reader, writes=False, also=self._connect_anew)
        self._anew_at = 0.0
        places = pool // 2 + SHARED
        self._writes = Pool(self.engine, places, patience.lock)
        self._reads = Pool(reader, places, patience.lock)
        self._replica = replica
        self._replica_away_until = 0.0
        self._follows: Pool | None = None
        if replica is not None:
            follower = engine(
                replica.url, schema, pool, patience, reading=True, pooled=pooled, standby=True
            )
            if {self.dialect, follower.dialect.name} != {"postgresql"}:
                raise SettingsError(
                    "[database] replica_url is for a PostgreSQL that follows another one: write "
                    "postgresql+psycopg://… in both, or remove replica_url."
                )
            let_go_of_what_ended(follower, writes=False, also=self._replica_is_away)
            self._follows = Pool(follower, places, patience.lock)
        # SQLite lets one writer in, and the others poll with ever longer sleeps: here they queue
        # for one connection.
        self._writer = (
            Writer(self.engine, patience.lock, group) if self.dialect == "sqlite" else None
        )
        self.guard: RowGuard | None = None
        """Makes and checks the MACs of rows; without one (a copy, a migration) nothing is."""

    @contextmanager
    def read(self) -> Iterator[UnitOfWork]:
        with self._reads.lent() as connection:
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
        follows, replica = self._follows, self._replica
        if follows is None or replica is None or time.monotonic() < self._replica_away_until:
            return None
        with ExitStack() as mine:
            try:
                connection = mine.enter_context(follows.lent())
                if self._pooled:
                    mine.enter_context(connection.begin())
                behind = execute(connection, _BEHIND).scalar_one()
            except SQLAlchemyError:
                self._replica_is_away()
                return None
            if behind is None or behind > replica.seconds:
                return None
            stack.push(mine.pop_all())
        return UnitOfWork(connection, None if self.guard is None else NothingThatGrants(self.guard))

    def _replica_is_away(self) -> None:
        if time.monotonic() >= self._replica_away_until:
            log.warning("the replica of the database does not answer: the primary is asked")
        self._replica_away_until = time.monotonic() + _ASK_AGAIN

    @contextmanager
    def snapshot(self) -> Iterator[UnitOfWork]:
        """Reads that all see the state of one moment, while others write."""
        with self._reads.alone() as connection:
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
            with self._writes.lent() as connection, connection.begin():
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
        for pool in filter(None, (self._writes, self._reads, self._follows)):
            pool.let_go()


__all__ = [
    "Database",
    "DatabaseSettings",
    "Json",
    "Replica",
    "RowGuard",
    "UnitOfWork",
    "count_on",
    "metadata",
]
