"""A database that takes no writes, has no room or no time: 503, and well again by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, select, text
from sqlalchemy.engine import make_url

from foundation.clock import FrozenClock
from foundation.database import Database
from foundation.engines import Patience
from foundation.errors import Unavailable
from foundation.jobs import Jobs
from foundation.middleware import as_refusal
from foundation.settings import Settings
from tests.support import deployments

ours = MetaData()
numbers = Table("test_numbers", ours, Column("n", Integer, primary_key=True))
Opened = Callable[..., Database]


@pytest.fixture
def opened(any_database: Database) -> Iterator[Opened]:
    """The same database with another patience."""
    made: list[Database] = []
    ours.create_all(any_database.engine)

    def again(**patience: float) -> Database:
        made.append(Database(any_database.url, patience=Patience(**patience)))  # type: ignore[arg-type]
        return made[-1]

    yield again
    for database in made:
        database.close()


@pytest.fixture
def database(opened: Opened) -> Database:
    return opened()


def add(database: Database, n: int) -> None:
    with database.write() as uow:
        uow.execute(numbers.insert().values(n=n))


def there(database: Database) -> list[int]:
    with database.read() as uow:
        return [row.n for row in uow.all(select(numbers).order_by(numbers.c.n))]


def refusal(act: Callable[[], object]) -> Unavailable:
    """What the gate makes of what is raised."""
    with pytest.raises(Exception) as caught:
        act()
    found = as_refusal(caught.value)
    assert isinstance(found, Unavailable), repr(caught.value)
    assert found.headers["Retry-After"].isdigit()
    return found


def becomes_read_only(database: Database) -> None:
    """What happens to an open connection when its server is made a standby, or its file system is
    mounted anew: this one takes no writes any more, the next one may."""
    stands = (
        "PRAGMA query_only=ON"
        if database.dialect == "sqlite"
        else "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"
    )
    with database.write() as uow:
        uow.execute(text(stands))


@pytest.mark.row("failures", "26")
def test_a_connection_that_takes_no_writes_is_dropped_and_the_next_one_writes(
    database: Database,
) -> None:
    add(database, 1)
    becomes_read_only(database)
    assert "no changes" in refusal(lambda: add(database, 2)).description
    add(database, 3)
    assert there(database) == [1, 3]


def test_reads_follow_the_writes_to_another_server(database: Database) -> None:
    add(database, 1)
    with database.read() as held:
        old = held.connection.connection.dbapi_connection
        becomes_read_only(database)
        refusal(lambda: add(database, 2))
    with database.read() as uow:
        assert uow.connection.connection.dbapi_connection is not old


def test_a_write_where_we_only_read_stays_a_defect_and_drops_nothing(database: Database) -> None:
    def write_in_a_read() -> None:
        with database.read() as uow:
            uow.execute(numbers.insert().values(n=1))

    with pytest.raises(Exception) as caught:
        write_in_a_read()
    assert as_refusal(caught.value) is None
    assert not caught.value.connection_invalidated  # type: ignore[attr-defined]


@contextmanager
def locked(database: Database) -> Iterator[None]:
    with database.write() as uow:
        if database.dialect == "postgresql":
            uow.execute(text("LOCK TABLE test_numbers"))
        yield


def test_a_lock_is_waited_for_no_longer_than_the_settings_say(opened: Opened) -> None:
    holder, waiter = opened(), opened(lock=0.2)
    with locked(holder):
        assert "more to do" in refusal(lambda: add(waiter, 1)).description
    add(waiter, 1)
    assert there(waiter) == [1]


def test_a_write_behind_another_of_the_same_process_is_waited_for_no_longer(
    opened: Opened,
) -> None:
    database, held, over = opened(lock=0.2), Event(), Event()

    def hold() -> None:
        with locked(database):
            held.set()
            over.wait(20)

    holder = Thread(target=hold)
    holder.start()
    held.wait(20)
    try:
        assert "more to do" in refusal(lambda: add(database, 1)).description
    finally:
        over.set()
        holder.join()
    add(database, 1)


def test_a_database_without_room_says_so_and_goes_on_when_there_is_some(
    settings: Settings,
) -> None:
    database = Database(f"sqlite:///{settings.path.parent}/full.db")
    ours.create_all(database.engine)
    with database.write() as uow:
        uow.execute(text("PRAGMA max_page_count = 1"))  # what is there is kept: no page more

    def fill() -> None:
        with database.write() as uow:
            uow.execute(text("CREATE TABLE more (a TEXT)"))

    refused = refusal(fill)
    assert "no room" in refused.description
    with database.write() as uow:
        uow.execute(text("PRAGMA max_page_count = 100000"))
    fill()
    database.close()


# ── what only PostgreSQL can do ───────────────────────────────────────────────────────────


@pytest.fixture
def postgresql(postgres_url: str) -> Iterator[Callable[..., Database]]:
    made: list[Database] = []

    def opened(**patience: float) -> Database:
        made.append(Database(postgres_url, patience=Patience(**patience)))  # type: ignore[arg-type]
        return made[-1]

    yield opened
    for database in made:
        database.close()


def sleeps(database: Database, how: str, seconds: float) -> None:
    with getattr(database, how)() as uow:
        uow.execute(text(f"SELECT pg_sleep({seconds})"))


@pytest.mark.parametrize("how", ["read", "write"])
def test_a_statement_that_takes_too_long_is_cut_short(postgresql: Opened, how: str) -> None:
    database = postgresql(statement=0.2)
    assert "more to do" in refusal(lambda: sleeps(database, how, 20)).description
    sleeps(database, how, 0)


@pytest.mark.parametrize("how", ["snapshot", "at_leisure"])
def test_backups_and_upgrades_take_their_time(postgresql: Opened, how: str) -> None:
    database = postgresql(statement=0.2, idle=0.2)
    with getattr(database, how)() as uow:
        uow.execute(text("SELECT pg_sleep(0.5)"))
        time.sleep(0.5)
        uow.execute(text("SELECT 1"))


def test_a_transaction_that_lies_still_holds_nobody_up(postgresql: Opened) -> None:
    database = postgresql(idle=0.2)

    def lie_still() -> None:
        with database.write() as uow:
            uow.execute(text("SELECT 1"))
            time.sleep(0.6)
            uow.execute(text("SELECT 1"))

    assert "does not answer" in refusal(lie_still).description
    sleeps(database, "write", 0)


def test_a_database_made_read_only_is_a_503_until_it_takes_writes_again(
    postgresql: Opened,
) -> None:
    database = postgresql()
    ours.create_all(database.engine)
    name = make_url(database.url).database
    add(database, 1)

    def makes(read_only: bool) -> None:
        with postgresql().at_leisure() as connection:
            connection.execute(text("SET LOCAL transaction_read_only = off"))
            connection.execute(
                text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {read_only}')
            )

    makes(read_only=True)
    becomes_read_only(database)
    for _ in range(3):  # each on a connection of its own
        assert "no changes" in refusal(lambda: add(database, 2)).description
    assert there(database) == [1]
    makes(read_only=False)
    add(database, 2)
    assert there(database) == [1, 2]


def test_the_operators_own_options_of_a_url_are_kept(postgres_url: str) -> None:
    url = make_url(postgres_url).update_query_dict(
        {"options": "-cstatement_timeout=1234 -capplication_name=ours", "connect_timeout": "7"}
    )
    database = Database(url.render_as_string(hide_password=False))
    for way in (database.read, database.write):
        with way() as uow:
            said = uow.one(
                text(
                    "SELECT current_setting('statement_timeout'), "
                    "current_setting('application_name'), current_setting('lock_timeout')"
                )
            )
        assert said is not None
        assert tuple(said) == ("1234ms", "ours", "10s")
    database.close()


# ── work beside the answers ───────────────────────────────────────────────────────────────


def test_work_whose_end_could_not_be_recorded_is_not_late_when_the_database_is_back(
    any_database: Database, clock: FrozenClock
) -> None:
    deployments.make_tables(any_database)
    jobs = Jobs(any_database, clock)
    jobs.periodic("sequencer", timedelta(seconds=1), lambda: becomes_read_only(any_database))
    refusal(jobs.run_once)
    clock.advance(timedelta(seconds=1))
    jobs.periodic("sequencer", timedelta(seconds=1), lambda: None)
    assert jobs.run_once() == 1
    assert not jobs.health()[0].late
