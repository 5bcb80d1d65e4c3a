"""Acts on the event loop share commits; each keeps its own failure, and none is half done."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, event, func, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from foundation import event_loop, groups
from foundation.database import Database
from foundation.engines import Patience
from foundation.middleware import as_refusal

ours = MetaData()
numbers = Table("test_group_numbers", ours, Column("n", Integer, primary_key=True))
children = Table(
    "test_group_children",
    ours,
    Column("n", Integer, primary_key=True),
    Column(
        "parent",
        ForeignKey("test_group_numbers.n", deferrable=True, initially="DEFERRED"),
        nullable=False,
    ),
)
GROUPS = (1, 8, 64)


def together(*acts: Callable[[], object]) -> list[Any]:
    """What the acts gave or raised, all begun on one loop before the first has ended."""

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*map(event_loop.run, acts), return_exceptions=True)

    return asyncio.run(all_of_them())


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that has much to do, a group is not cut short by its bound in time."""
    monkeypatch.setattr(groups, "LONGEST", 30.0)


@pytest.fixture(params=GROUPS, ids=lambda size: f"groups of {size}")
def database(request: pytest.FixtureRequest, any_database: Database) -> Iterator[Database]:
    opened = Database(any_database.url, group=request.param)
    ours.create_all(opened.engine)
    yield opened
    opened.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path}/groups.db", patience=Patience(lock=0.5))
    ours.create_all(opened.engine)
    yield opened
    opened.close()


def add(database: Database, n: int, then: Callable[[], object] = lambda: None) -> None:
    with database.write() as uow:
        uow.execute(numbers.insert().values(n=n))
        then()


def there(database: Database) -> list[int]:
    with database.read() as uow:
        return [row.n for row in uow.all(select(numbers).order_by(numbers.c.n))]


@contextmanager
def busy(database: Database) -> Iterator[None]:
    """Somebody in a thread has the turn to write."""
    inside, leave = threading.Event(), threading.Event()

    def long() -> None:
        with database.write():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=long)
    thread.start()
    assert inside.wait(5)
    yield
    leave.set()
    thread.join()


@contextmanager
def commits(database: Database) -> Iterator[list[str]]:
    """In which threads a COMMIT was made; each takes a while, as on a disk."""
    seen: list[str] = []

    def noted(connection: Any) -> None:
        seen.append(threading.current_thread().name)
        time.sleep(0.02)

    event.listen(database.engine, "commit", noted)
    yield seen
    event.remove(database.engine, "commit", noted)


def test_what_is_written_together_is_there_when_it_is_answered(database: Database) -> None:
    def act(n: int) -> bool:
        add(database, n)
        return n in there(database)

    assert together(*(partial(act, n) for n in range(40))) == [True] * 40
    assert there(database) == list(range(40))


def test_one_fails_and_the_others_stand(database: Database) -> None:
    def refuses() -> None:
        raise LookupError

    add(database, 5)
    acts = [partial(add, database, n) for n in range(10)]
    acts.insert(0, partial(add, database, 100, refuses))
    acts.append(partial(add, database, 101, refuses))
    found = together(*acts)
    assert [type(one) for one in found if one is not None] == [
        LookupError,
        IntegrityError,  # 5 was there
        LookupError,
    ]
    assert there(database) == list(range(10))


def test_one_use_is_one_use_in_a_group_or_not(database: Database) -> None:
    add(database, 1)
    used = numbers.update().where(numbers.c.n == 1).values(n=2)

    def use() -> int:
        with database.write() as uow:
            return uow.changed(used)

    assert sorted(together(*[use] * 16)) == [0] * 15 + [1]


def test_acts_that_wait_for_a_commit_share_the_next(sqlite: Database) -> None:
    with commits(sqlite) as made:
        together(*(partial(add, sqlite, n) for n in range(64)))
    assert there(sqlite) == list(range(64))
    # The first alone; the 63 that came meanwhile together, unless the machine is very slow.
    assert 2 <= len(made) < 32
    assert threading.current_thread().name not in made


def test_a_failed_commit_fails_all_its_acts(sqlite: Database) -> None:
    """A reference to nothing is found at the COMMIT."""

    def orphan() -> None:
        with sqlite.write() as uow:
            uow.execute(children.insert().values(n=1, parent=999))

    with commits(sqlite):
        first, *others = together(
            lambda: add(sqlite, 0), lambda: add(sqlite, 1), orphan, lambda: add(sqlite, 2)
        )
    assert first is None
    assert [type(one) for one in others] == [IntegrityError] * 3
    assert there(sqlite) == [0]
    assert together(lambda: add(sqlite, 1)) == [None]
    assert there(sqlite) == [0, 1]


def test_a_full_disk_refuses_each_act_that_it_took_back(sqlite: Database) -> None:
    """SQLite ends the whole transaction by itself: who was in it is told, and nobody answered."""
    wide = "x" * 4000

    def much(n: int) -> None:
        with sqlite.write() as uow:
            uow.execute(numbers.insert().values(n=n))
            if n == 5:
                uow.connection.exec_driver_sql("CREATE TABLE filler (t TEXT)")
                pages = uow.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
                uow.connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
                for _ in range(9):
                    uow.connection.exec_driver_sql("INSERT INTO filler VALUES (?)", (wide,))

    with commits(sqlite):
        found = together(*(partial(much, n) for n in range(10)))
    answered = [n for n, one in enumerate(found) if one is None]
    assert 5 not in answered
    assert there(sqlite) == answered
    for one in found:
        if one is not None:
            assert isinstance(one, OperationalError)
            refusal = as_refusal(one)
            assert refusal is not None
            assert refusal.status == 503
    with sqlite.write() as uow:
        uow.connection.exec_driver_sql("PRAGMA max_page_count=1000000")
    assert together(lambda: add(sqlite, 50)) == [None]
    assert 50 in there(sqlite)


def test_a_long_unit_of_work_in_a_thread_shares_with_nobody(sqlite: Database) -> None:
    inside, leave = threading.Event(), threading.Event()

    def long() -> None:
        with sqlite.write() as uow:
            uow.execute(numbers.insert().values(n=0))
            inside.set()
            leave.wait(5)
            raise LookupError

    def refused() -> None:
        with pytest.raises(LookupError):
            long()

    thread = threading.Thread(target=refused)
    thread.start()
    assert inside.wait(5)

    def reads_meanwhile() -> None:
        assert there(sqlite) == []
        leave.set()

    found = together(lambda: add(sqlite, 1), reads_meanwhile, lambda: add(sqlite, 2))
    thread.join()
    assert found == [None] * 3
    assert there(sqlite) == [1, 2]


def test_a_turn_that_does_not_come_is_a_busy_database(sqlite: Database) -> None:
    with busy(sqlite):
        (found,) = together(lambda: add(sqlite, 1))
    assert isinstance(found, PoolTimeout)
    assert together(lambda: add(sqlite, 1)) == [None]


def test_another_process_that_writes_is_waited_for_beside_the_loop(tmp_path: Path) -> None:
    """Such as an operator's command: the loop answers others meanwhile."""
    sqlite, other = (Database(f"sqlite:///{tmp_path}/shared.db") for _ in range(2))
    ours.create_all(sqlite.engine)
    ticks: list[int] = []

    async def acts() -> None:
        with other.write() as uow:
            uow.execute(numbers.insert().values(n=0))
            waiting = asyncio.create_task(event_loop.run(add, sqlite, 1))
            while len(ticks) < 20:
                await asyncio.sleep(0.002)
                ticks.append(len(await event_loop.run(there, sqlite)))
        await waiting

    asyncio.run(acts())
    assert ticks == [0] * 20
    assert there(sqlite) == [0, 1]
    sqlite.close()
    other.close()


def test_a_slow_statement_of_one_act_stops_no_other(postgres_url: str) -> None:
    database = Database(postgres_url)
    told: list[str] = []

    def slow() -> None:
        with database.read() as uow:
            uow.execute(select(func.pg_sleep(0.3)))
        told.append("slow")

    def quick() -> None:
        with database.read() as uow:
            uow.execute(select(func.pg_sleep(0)))
        told.append("quick")

    assert together(slow, quick) == [None, None]
    assert told == ["quick", "slow"]
    database.close()


def test_who_is_cancelled_in_a_statement_leaves_no_connection_behind(postgres_url: str) -> None:
    database = Database(postgres_url)
    ours.create_all(database.engine)

    def slow() -> None:
        with database.write() as uow:
            uow.execute(numbers.insert().values(n=1))
            uow.execute(select(func.pg_sleep(30)))

    async def cancelled() -> None:
        task = asyncio.create_task(event_loop.run(slow))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert there(database) == []
    assert together(*(partial(add, database, n) for n in range(8))) == [None] * 8
    database.close()


def test_who_waits_on_a_loop_that_ended_loses_nobody_the_turn(sqlite: Database) -> None:
    with busy(sqlite):
        loop = asyncio.new_event_loop()
        gone = loop.create_task(event_loop.run(add, sqlite, 1))
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
    assert together(partial(add, sqlite, 2)) == [None]
    assert there(sqlite) == [2]
    assert not gone.done()


def test_a_database_that_was_closed_opens_again(sqlite: Database) -> None:
    """As an application that is served twice does."""
    assert together(partial(add, sqlite, 1)) == [None]
    sqlite.close()
    assert together(partial(add, sqlite, 2)) == [None]
    assert there(sqlite) == [1, 2]


def test_a_group_is_bound_in_time_and_in_number(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "LONGEST", 0.0)
    with commits(sqlite) as made:
        together(*(partial(add, sqlite, n) for n in range(8)))
    assert len(made) == 8
    monkeypatch.setattr(groups, "LONGEST", 30.0)
    few = Database(sqlite.url, group=4)
    with commits(few) as made:
        together(*(partial(add, few, n) for n in range(8, 32)))
    few.close()
    assert 6 <= len(made) <= 24
    assert there(sqlite) == list(range(32))
