"""What may be old is read from a replica: while there is one, it answers and keeps up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from civitas import soundness
from foundation.audit import SYSTEM
from foundation.clock import FrozenClock
from foundation.database import Database, DatabaseSettings, Replica
from foundation.row_macs import all_bound
from foundation.runtime import Runtime
from foundation.settings import Settings, SettingsError
from tests.support import deployments, postgresql
from tests.support.postgresql import PostgreSQL

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
EVENTS = text("SELECT count(*) FROM audit_events")
WHERE = text("SELECT pg_is_in_recovery()")


@pytest.fixture(scope="module")
def primary() -> Iterator[PostgreSQL]:
    with postgresql.running() as server:
        yield server


@pytest.fixture
def standby(primary: PostgreSQL) -> Iterator[PostgreSQL]:
    with postgresql.running(copy_of=primary, follows=True) as server:
        yield server


def of_replica(database: Database) -> bool:
    with database.read_old() as uow:
        return bool(uow.execute(WHERE).scalar_one())


def wait_for(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def write(database: Database) -> None:
    with database.write() as uow:
        uow.execute(text("CREATE TABLE IF NOT EXISTS made (n integer)"))
        uow.execute(text("INSERT INTO made VALUES (1)"))


@pytest.mark.parametrize("pooler", [None, "transaction"])
def test_the_replica_is_read_and_when_it_is_away_or_behind_the_primary(
    primary: PostgreSQL, standby: PostgreSQL, pooler: str | None
) -> None:
    follower = Replica(standby.url("postgres"), 2)
    database = Database(primary.url("postgres"), pooler=pooler, replica=follower)
    write(database)
    wait_for(lambda: of_replica(database))
    with database.read() as uow:
        assert not uow.execute(WHERE).scalar_one()
    time.sleep(2.5)  # nothing to follow: who knows whether it still does
    assert not of_replica(database)
    write(database)
    wait_for(lambda: of_replica(database))
    standby.stop()
    assert not of_replica(database)
    assert not of_replica(database)
    database.close()


def test_a_defect_in_a_read_is_raised_and_takes_no_replica_away(
    primary: PostgreSQL, standby: PostgreSQL
) -> None:
    database = Database(primary.url("postgres"), replica=Replica(standby.url("postgres"), 60))
    write(database)
    wait_for(lambda: of_replica(database))
    with pytest.raises(Exception, match="division"), database.read_old() as uow:
        uow.execute(text("SELECT 1/0"))
    assert of_replica(database)
    database.close()


@pytest.fixture
def runtime(
    settings: Settings, clock: FrozenClock, primary: PostgreSQL, standby: PostgreSQL
) -> Iterator[Runtime]:
    with primary.database() as url:
        told = DatabaseSettings(
            url=url, replica_url=standby.url(str(make_url(url).database)), replica_seconds=60
        )
        laid = deployments.ready_runtime(settings.with_sections(told), clock)
        yield laid
        laid.close()


def has(database: Database, number: int) -> bool:
    """Whether the replica has so many events."""
    with suppress(DBAPIError), database.read_old() as uow:
        if uow.execute(WHERE).scalar_one():
            return bool(uow.execute(EVENTS).scalar_one() == number)
    return False


def test_the_later_pages_of_a_ledger_come_from_the_replica(
    runtime: Runtime, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime.vault.create("per_1")
    for _ in range(6):
        clock.advance(timedelta(seconds=1))
        with runtime.database.write() as uow:
            runtime.audit.record(uow, "person.test", SYSTEM, ("per_1",), {})
    wait_for(lambda: has(runtime.database, 6))
    first = runtime.audit.ledger("per_1", limit=3)

    reads: list[str] = []
    for name in ("read", "read_old"):
        opened = getattr(runtime.database, name)
        monkeypatch.setattr(
            runtime.database, name, lambda n=name, o=opened: (reads.append(n), o())[1]
        )
    assert len(runtime.audit.ledger("per_1", first[-1].event_id)) == 3
    assert reads == ["read_old"]
    reads.clear()
    runtime.audit.ledger("per_1")
    assert reads == ["read"]


def test_what_grants_something_is_never_read_from_the_replica(runtime: Runtime) -> None:
    wait_for(lambda: of_replica(runtime.database))
    bound = next(iter(all_bound()))
    with pytest.raises(TypeError, match="primary"), runtime.database.read_old() as uow:
        uow.all(select(bound.table))


def test_the_check_of_a_configuration_says_where_no_replica_follows(
    runtime: Runtime, standby: PostgreSQL
) -> None:
    wait_for(lambda: of_replica(runtime.database))
    assert list(soundness._replica(runtime.settings, runtime.database)) == []
    standby.stop()
    (said,) = soundness._replica(runtime.settings, runtime.database)
    assert said.startswith("[database] replica_url: nothing at ")


def test_a_replica_of_another_kind_is_refused() -> None:
    with pytest.raises(SettingsError, match="replica_url"):
        Database("sqlite:///:memory:", replica=Replica("postgresql+psycopg://db/civitas", 10))
