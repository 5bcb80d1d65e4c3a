"""What a clock that was ahead wrote down lasts no longer than it may — on each kind of database.

Each test lets time leap a day or a year ahead, does something, and sets the clock right again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import select

from foundation.clock import FrozenClock
from foundation.database import Database
from foundation.errors import TooManyRequests
from foundation.jobs import Jobs, durable_jobs
from foundation.rates import Rates, rate_limits
from foundation.runtime import Runtime
from idp.oauth import cut_offs
from idp.oauth.tables import cut_offs as cut_off_rows

MINUTE, HOUR, YEAR = timedelta(minutes=1), timedelta(hours=1), timedelta(days=365)


@contextmanager
def ahead(clock: FrozenClock, by: timedelta) -> Iterator[None]:
    """The clock is ahead while the block runs, and right again at its end."""
    clock.advance(by)
    yield
    clock.advance(-by)


def attempts(database: Database, clock: FrozenClock, most: int = 20) -> int:
    """How many attempts of one party pass now, at a limit of three a minute."""
    rates = Rates(database)
    for number in range(most):
        try:
            rates.check("door", "somebody", 3, MINUTE, clock.now())
        except TooManyRequests:
            return number
    return most


@pytest.mark.parametrize("by", [MINUTE * 3, HOUR, YEAR])
def test_a_limit_that_was_filled_by_a_clock_ahead_lasts_no_longer_than_its_own_length(
    any_database: Database, clock: FrozenClock, by: timedelta
) -> None:
    with ahead(clock, by):
        assert attempts(any_database, clock) == 3
    assert attempts(any_database, clock) == 3  # not none, and not any number


def test_a_look_at_a_limit_sees_what_an_attempt_sees(
    any_database: Database, clock: FrozenClock
) -> None:
    rates = Rates(any_database)
    with ahead(clock, HOUR):
        attempts(any_database, clock)
    with any_database.read() as uow:
        rates.room(uow, "door", "somebody", 3, MINUTE, clock.now())
    attempts(any_database, clock)
    with any_database.read() as uow, pytest.raises(TooManyRequests) as full:
        rates.room(uow, "door", "somebody", 3, MINUTE, clock.now())
    assert 1 <= (full.value.retry_after or 0) <= 20


def test_limits_that_cannot_be_true_are_swept(any_database: Database, clock: FrozenClock) -> None:
    with ahead(clock, YEAR):
        attempts(any_database, clock)
    assert Rates(any_database).sweep(clock.now()) == 1
    with any_database.read() as uow:
        assert uow.one(select(rate_limits)) is None


def test_periodic_work_goes_on_at_once_when_the_clock_is_right_again(
    any_runtime: Runtime, clock: FrozenClock
) -> None:
    done: list[str] = []
    with ahead(clock, YEAR):
        jobs = Jobs(any_runtime.database, clock)
        jobs.periodic("each second", timedelta(seconds=1), lambda: done.append("often"))
        jobs.periodic("seldom", timedelta(hours=6), lambda: done.append("seldom"))
        jobs.run_once()
    assert sorted(done) == ["often", "seldom"]
    assert all(health.late for health in jobs.health())  # a success in the future is none
    jobs.run_once()
    assert sorted(done) == ["often", "often", "seldom", "seldom"]
    assert not any(health.late for health in jobs.health())
    jobs.run_once()
    assert len(done) == 4  # and no more often than it is due


def test_periodic_work_goes_on_in_a_process_that_starts_afterwards(
    any_runtime: Runtime, clock: FrozenClock
) -> None:
    done: list[int] = []

    def process() -> Jobs:
        jobs = Jobs(any_runtime.database, clock)
        jobs.periodic("work", timedelta(minutes=10), lambda: done.append(1))
        return jobs

    with ahead(clock, HOUR):
        process().run_once()
    process().run_once()
    assert len(done) == 2


def test_a_job_that_failed_under_a_clock_ahead_is_tried_again_now(
    any_runtime: Runtime, clock: FrozenClock
) -> None:
    jobs, tried = Jobs(any_runtime.database, clock), []

    def work(_: object) -> None:
        tried.append(clock.now())
        if len(tried) == 1:
            raise ConnectionError("away")

    jobs.handler("letter", work)
    with ahead(clock, YEAR):
        with any_runtime.database.write() as uow:
            jobs.enqueue(uow, "letter", {})
        jobs.run_once()
    jobs.run_once()
    assert tried[1:] == [clock.now()]
    with any_runtime.database.read() as uow:
        assert uow.one(select(durable_jobs)) is None


def test_a_key_that_was_made_under_a_clock_ahead_signs_soon(
    any_runtime: Runtime, clock: FrozenClock
) -> None:
    keys = any_runtime.keys
    keys.ensure("jwt", "ES256")
    (first,) = keys.published("jwt")
    with ahead(clock, YEAR):
        keys.rotate_due(clock.now())
        assert [key.state for key in keys.published("jwt")] == ["signing", "waiting"]
    keys.rotate_due(clock.now())
    assert [key.state for key in keys.published("jwt")] == ["signing", "waiting"]
    clock.advance(timedelta(seconds=keys.settings.publish_ahead_seconds))
    assert keys.signer("jwt").kid != first.kid
    assert [key.state for key in keys.published("jwt")] == ["published", "signing"]
    clock.advance(timedelta(hours=keys.settings.keep_published_hours))
    assert [key.state for key in keys.published("jwt")] == ["signing"]
    clock.advance(timedelta(days=keys.settings.rotate_after_days))
    assert keys.rotate_due(clock.now()) == ("jwt",)


def test_a_rotation_is_possible_after_one_under_a_clock_ahead(
    any_runtime: Runtime, clock: FrozenClock
) -> None:
    keys = any_runtime.keys
    keys.ensure("federation", "ES256")
    before = keys.signer("federation").kid
    with ahead(clock, YEAR):
        kid = keys.rotate("federation")
    assert keys.signer("federation").kid == before
    assert keys.rotate("federation", ahead=timedelta(0)) == kid
    assert keys.signer("federation").kid == kid


def test_tokens_that_were_ended_under_a_clock_ahead_do_not_end_those_of_later(
    any_runtime: Runtime, clock: FrozenClock
) -> None:
    database = any_runtime.database
    with ahead(clock, YEAR), database.write() as uow:
        cut_offs.cut_off(uow, "lamp", clock.now())
    assert cut_offs.set_right(database, clock.now()) == 1
    with database.read() as uow:
        row = uow.one(select(cut_off_rows.c.issued_until))
    assert row is not None
    assert row.issued_until == clock.now()  # those of before are dead, and stay so
    assert cut_offs.set_right(database, clock.now()) == 0


def test_the_first_key_of_a_clock_that_was_ahead_signs_at_once(
    any_runtime: Runtime, clock: FrozenClock
) -> None:
    keys = any_runtime.keys
    with ahead(clock, YEAR):
        keys.ensure("jwt", "ES256")
    assert keys.signer("jwt").kid == keys.published("jwt")[0].kid
