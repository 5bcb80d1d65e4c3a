"""All nodes on one PostgreSQL go by its clock, whatever their own says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from foundation.clock import SystemClock
from foundation.common_clock import CommonClock
from foundation.database import Database
from foundation.runtime import Runtime, build
from tests.support import deployments

HOUR = timedelta(hours=1)
CLOSE = timedelta(seconds=5)


class Off:
    """A machine's clock that is wrong, and a counter that nobody sets."""

    def __init__(self, by: timedelta) -> None:
        self.by = by
        self.counted = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + self.by

    def monotonic(self) -> float:
        return self.counted


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    opened = Database(postgres_url)
    yield opened
    opened.close()


@pytest.mark.parametrize("by", [HOUR, -HOUR, timedelta(minutes=10), timedelta(0)])
def test_a_node_whose_clock_is_wrong_goes_by_that_of_the_database(
    database: Database, by: timedelta
) -> None:
    machine = Off(by)
    clock = CommonClock(database, machine, machine.monotonic)
    assert abs(clock.now() - datetime.now(UTC)) < CLOSE
    assert abs(clock.ahead - by) < CLOSE


def test_a_step_of_the_machines_clock_changes_nothing(database: Database) -> None:
    machine = Off(timedelta(0))
    clock = CommonClock(database, machine, machine.monotonic)
    before = clock.now()
    machine.by, machine.counted = HOUR, 2.0
    assert clock.now() - before == timedelta(seconds=2)
    machine.by = -HOUR
    assert clock.now() - before == timedelta(seconds=2)


def test_a_counter_that_stood_still_is_set_right_at_the_next_look(database: Database) -> None:
    """As that of a machine that slept, or of a process that was frozen."""
    machine = Off(timedelta(0))
    clock = CommonClock(database, machine, machine.monotonic)
    clock.now()
    machine.counted = -3600.0
    assert datetime.now(UTC) - clock.now() > HOUR - CLOSE
    clock.compare()
    assert abs(clock.now() - datetime.now(UTC)) < CLOSE


def test_while_the_database_was_never_reached_the_machines_own_clock_counts() -> None:
    database = Database("postgresql+psycopg://nobody@127.0.0.1:1/none")
    machine = Off(HOUR)
    clock = CommonClock(database, machine, machine.monotonic)
    assert abs(clock.now() - datetime.now(UTC) - HOUR) < CLOSE
    database.close()


def test_a_deployment_on_postgresql_has_a_common_clock_and_an_embedded_one_that_of_its_machine(
    any_runtime: Runtime,
) -> None:
    runtime = build(any_runtime.settings, deployments.template_folders())
    kind = CommonClock if runtime.database.dialect == "postgresql" else SystemClock
    assert isinstance(runtime.clock, kind)
    runtime.close()
