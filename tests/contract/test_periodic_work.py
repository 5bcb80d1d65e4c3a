"""Periodic work that fails is tried again soon, and then no longer stands as late."""

from __future__ import annotations

from datetime import timedelta

from foundation.clock import FrozenClock
from foundation.jobs import TRY_AGAIN, Health, Jobs
from foundation.runtime import Runtime


def health(jobs: Jobs) -> Health:
    return jobs.health()[0]


def test_work_that_failed_once_is_tried_again_long_before_it_is_due(
    any_runtime: Runtime, clock: FrozenClock
) -> None:
    jobs = Jobs(any_runtime.database, clock)
    done: list[str] = []

    def work() -> None:
        done.append("tried")
        if len(done) == 1:
            raise ConnectionError("the database went away")

    jobs.periodic("seldom", timedelta(hours=6), work)
    jobs.run_once()
    assert health(jobs).late
    jobs.run_once()
    assert len(done) == 1  # not at once: what failed a moment ago would fail again
    clock.advance(TRY_AGAIN)
    jobs.run_once()
    assert len(done) == 2
    assert not health(jobs).late
    clock.advance(timedelta(hours=1))
    jobs.run_once()
    assert len(done) == 2
