"""The unit of work, rate limits and jobs hold on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, select, text, update
from sqlalchemy.exc import IntegrityError

from foundation.clock import FrozenClock
from foundation.database import Database, Json
from foundation.errors import TooManyRequests
from foundation.jobs import Jobs, durable_jobs
from foundation.rates import Rates
from tests.support.statements import listening

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
# Not among the service's own tables: other tests look at those.
ours = MetaData()
things = Table(
    "test_things",
    ours,
    Column("id", String(32), primary_key=True),
    Column("used", Integer, nullable=False),
    Column("content", Json),
)


@pytest.fixture(autouse=True)
def tables(any_database: Database) -> None:
    ours.create_all(any_database.engine)


def test_a_block_that_raises_leaves_nothing(any_database: Database) -> None:
    def act() -> None:
        with any_database.write() as uow:
            uow.execute(things.insert().values(id="a", used=0))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        act()
    with any_database.read() as uow:
        assert uow.one(select(things)) is None


def test_a_database_error_says_nothing_of_the_values(any_database: Database) -> None:
    with any_database.write() as uow:
        uow.execute(things.insert().values(id="a", used=0))
    with pytest.raises(IntegrityError) as caught, any_database.write() as uow:
        uow.execute(things.insert().values(id="a", used=0, content="Anna Tamm"))
    assert "Anna" not in str(caught.value)


def test_a_fresh_file_and_its_log_are_the_owners_alone(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/fresh.db")
    with database.write() as uow:
        uow.execute(text("CREATE TABLE made (id INTEGER)"))
        modes = {f.name: f.stat().st_mode & 0o777 for f in tmp_path.iterdir()}
    database.close()
    assert set(modes.values()) == {0o600}
    assert "fresh.db-wal" in modes


def test_json_comes_back_as_it_went(any_database: Database) -> None:
    content = {"naïve": ["日本", None, 1.5, {"deep": True}]}
    with any_database.write() as uow:
        uow.execute(things.insert().values(id="j", used=0, content=content))
    with any_database.read() as uow:
        row = uow.one(select(things.c.content))
    assert row is not None
    assert row.content == content


def test_one_of_eight_threads_uses_a_thing(any_database: Database) -> None:
    with any_database.write() as uow:
        uow.execute(things.insert().values(id="once", used=0))

    def use(_: int) -> int:
        with any_database.write() as uow:
            return uow.changed(
                update(things).where(things.c.id == "once", things.c.used == 0).values(used=1)
            )

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(use, range(8))) == [0] * 7 + [1]


def test_the_limit_holds_across_threads(any_database: Database) -> None:
    rates = Rates(any_database)

    def attempt(_: int) -> bool:
        try:
            rates.check("door", "someone", 5, timedelta(minutes=1), NOW)
        except TooManyRequests:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(24))) == 5


def test_a_bucket_leaks_and_other_keys_have_their_own(any_database: Database) -> None:
    rates, minute = Rates(any_database), timedelta(minutes=1)
    for _ in range(2):
        rates.check("door", "someone", 2, minute, NOW)
    with pytest.raises(TooManyRequests) as refusal:
        rates.check("door", "someone", 2, minute, NOW)
    assert refusal.value.retry_after == 30
    rates.check("door", "someone else", 2, minute, NOW)
    rates.check("door", "someone", 2, minute, NOW + timedelta(seconds=30))
    assert rates.sweep(NOW + timedelta(hours=1)) == 2


def test_a_bucket_that_was_seen_full_is_known_to_be_until_it_has_leaked(
    any_database: Database,
) -> None:
    rates, minute = Rates(any_database), timedelta(minutes=1)

    def known(key: str, later: float) -> int:
        try:
            rates.known_full("door", key, minute, NOW + timedelta(seconds=later))
        except TooManyRequests as refusal:
            return refusal.retry_after
        return 0

    for _ in range(2):
        rates.check("door", "someone", 2, minute, NOW)
    assert known("someone", 0) == 0  # full, and nobody was refused yet
    with pytest.raises(TooManyRequests):
        rates.check("door", "someone", 2, minute, NOW)
    with listening() as said:
        assert [known("someone", later) for later in (0, 10.5, 29.99, 30)] == [30, 20, 1, 0]
        assert known("someone else", 0) == 0
        assert known("someone", -3600) == 0  # seen by a clock that was ahead
    assert said == []
    with any_database.write() as uow:
        rates.forgive(uow, "door", "someone")
    assert known("someone", 0) == 0


def test_a_job_runs_once_and_is_gone(any_database: Database) -> None:
    ran: list[str] = []
    jobs = Jobs(any_database, FrozenClock(NOW))
    jobs.handler("greet", lambda payload: ran.append(payload["name"]))
    with any_database.write() as uow:
        jobs.enqueue(uow, "greet", {"name": "Aino"})
    assert jobs.run_once() == 1
    assert jobs.run_once() == 0
    assert ran == ["Aino"]


def test_a_job_that_was_promised_in_a_failed_act_never_runs(any_database: Database) -> None:
    jobs = Jobs(any_database, FrozenClock(NOW))
    jobs.handler("greet", lambda payload: None)

    def act() -> None:
        with any_database.write() as uow:
            jobs.enqueue(uow, "greet", {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        act()
    assert jobs.run_once() == 0


def test_a_job_that_fails_is_tried_again_later(any_database: Database) -> None:
    clock = FrozenClock(NOW)
    jobs = Jobs(any_database, clock)
    outcomes = iter([ValueError("away"), None])

    def work(_: object) -> None:
        if (outcome := next(outcomes)) is not None:
            raise outcome

    jobs.handler("flaky", work)
    with any_database.write() as uow:
        jobs.enqueue(uow, "flaky", {})
    assert jobs.run_once() == 0
    clock.advance(timedelta(minutes=1))
    assert jobs.run_once() == 1
    with any_database.read() as uow:
        assert uow.one(select(durable_jobs)) is None


def test_a_job_of_a_killed_process_is_taken_over(any_database: Database) -> None:
    clock = FrozenClock(NOW)
    first, second = Jobs(any_database, clock), Jobs(any_database, clock)
    ran: list[int] = []
    first.handler("work", lambda payload: ran.append(1))
    second.handler("work", lambda payload: ran.append(2))
    with any_database.write() as uow:
        first.enqueue(uow, "work", {})
    assert first._lease_job() is not None  # and then the first process dies
    assert second.run_once() == 0
    clock.advance(timedelta(minutes=3))
    assert second.run_once() == 1
    assert ran == [2]


def test_periodic_work_is_done_by_one_process_at_a_time(any_database: Database) -> None:
    clock, ran, gate = FrozenClock(NOW), [], threading.Barrier(4)

    def worker(_: int) -> None:
        jobs = Jobs(any_database, clock)
        jobs.periodic("sweep", timedelta(minutes=1), lambda: ran.append(1))
        gate.wait()
        jobs.run_once()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(worker, range(4)))
    assert ran == [1]


def test_failed_periodic_work_shows_in_its_health(any_database: Database) -> None:
    jobs = Jobs(any_database, FrozenClock(NOW))
    jobs.periodic("broken", timedelta(minutes=1), lambda: 1 / 0)
    jobs.run_once()
    [health] = jobs.health()
    assert health.late
    assert health.last_success is None
