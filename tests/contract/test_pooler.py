"""Behind a pooler in transaction mode: what a connection is told for good is told each time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from civitas import schema
from foundation.database import Database
from foundation.engines import Patience
from foundation.outages import BUSY, outage
from foundation.settings import SettingsError
from tests.support import pgbouncer
from tests.support.pgbouncer import PgBouncer
from tests.support.postgresql import PostgreSQL

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(pgbouncer.program() is None, reason="pgbouncer is not installed"),
]
SHORT = Patience(statement=1, lock=1, idle=5)


@pytest.fixture(scope="module")
def pooler(postgresql_server: PostgreSQL) -> Iterator[PgBouncer]:
    with pgbouncer.running(postgresql_server, size=3) as found:
        yield found


@pytest.fixture
def database(pooler: PgBouncer, postgres_url: str) -> Iterator[Database]:
    found = Database(pooler.url(postgres_url), "one", patience=SHORT, pooler="transaction")
    found.make_schema()
    with found.write() as uow:
        uow.execute(text("CREATE TABLE kept (n integer)"))
    yield found
    found.close()


def test_two_deployments_on_the_same_connections_have_their_own_schema(
    database: Database, pooler: PgBouncer, postgres_url: str
) -> None:
    other = Database(pooler.url(postgres_url), "two", pooler="transaction")
    other.make_schema()
    with other.write() as uow:
        uow.execute(text("CREATE TABLE kept (n integer)"))

    def put(number: int) -> None:
        with (database if number % 2 else other).write() as uow:
            uow.execute(text("INSERT INTO kept VALUES (:n)"), {"n": number})

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put, range(80)))
    for one, rest in ((database, 1), (other, 0)):
        with one.read() as uow:
            found = [row.n for row in uow.all(text("SELECT n FROM kept"))]
        assert sorted(found) == list(range(rest, 80, 2))
    other.close()


def test_a_read_cannot_write(database: Database) -> None:
    with pytest.raises(DBAPIError, match="read-only"), database.read() as uow:
        uow.execute(text("INSERT INTO kept VALUES (1)"))
    with pytest.raises(DBAPIError, match="read-only"), database.snapshot() as uow:
        uow.execute(text("INSERT INTO kept VALUES (1)"))


def test_a_read_sees_what_is_committed_between_its_statements_and_a_snapshot_does_not(
    database: Database,
) -> None:
    count = text("SELECT count(*) FROM kept")
    with database.read() as reading, database.snapshot() as still:
        assert reading.execute(count).scalar_one() == still.execute(count).scalar_one() == 0
        with database.write() as uow:
            uow.execute(text("INSERT INTO kept VALUES (1)"))
        assert reading.execute(count).scalar_one() == 1
        assert still.execute(count).scalar_one() == 0


def test_a_statement_that_takes_too_long_is_ended(database: Database) -> None:
    began = time.monotonic()
    for opened in (database.read, database.write):
        with pytest.raises(DBAPIError) as caught, opened() as uow:
            uow.execute(text("SELECT pg_sleep(30)"))
        assert outage(caught.value) is BUSY
    assert time.monotonic() - began < 20
    with database.at_leisure() as connection:
        connection.execute(text("SELECT pg_sleep(1.5)"))


def test_what_was_refused_leaves_nothing_on_the_connection(database: Database) -> None:
    def fail() -> None:
        with database.write() as uow:
            uow.execute(text("INSERT INTO kept VALUES (2)"))
            uow.execute(text("SELECT 1/0"))

    for _ in range(6):
        with pytest.raises(DBAPIError):
            fail()
    with database.read() as uow:
        assert uow.execute(text("SELECT count(*) FROM kept")).scalar_one() == 0


@pytest.mark.parametrize(
    ("mode", "more"),
    [
        ("transaction", ""),
        ("transaction", "ignore_startup_parameters = options"),
        ("session", "ignore_startup_parameters = options"),
    ],
)
def test_a_pooler_that_was_not_told_of_stops_the_start_with_a_sentence(
    postgresql_server: PostgreSQL, postgres_url: str, mode: str, more: str
) -> None:
    with pgbouncer.running(postgresql_server, mode=mode, more=more) as untold:
        found = Database(untold.url(postgres_url))
        with pytest.raises(SettingsError, match='pooler = "transaction"'):
            schema.check(found)
        found.close()


def test_options_in_the_address_are_refused_where_no_pooler_passes_them() -> None:
    url = "postgresql+psycopg://db/civitas?options=-cwork_mem%3D64MB"
    with pytest.raises(SettingsError, match="ALTER ROLE"):
        Database(url, pooler="transaction")
