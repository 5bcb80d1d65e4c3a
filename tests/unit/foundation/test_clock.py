"""Time: instants in storage, ages by the jurisdiction's calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from foundation.clock import FrozenClock, Instant, age_on

TALLINN = ZoneInfo("Europe/Tallinn")


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(9999, 1, 1)))
def test_an_instant_comes_back_as_it_went(naive: datetime) -> None:
    column, at = Instant(), naive.replace(tzinfo=UTC)
    stored = column.process_bind_param(at, sqlite.dialect())
    assert isinstance(stored, int)
    assert column.process_result_value(stored, sqlite.dialect()) == at


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Instant().process_bind_param(datetime(2026, 1, 1), sqlite.dialect())


def test_a_birthday_begins_at_midnight_of_the_jurisdiction() -> None:
    birth = date(2008, 3, 2)
    just_before = datetime(2026, 3, 1, 21, 59, tzinfo=UTC)
    assert age_on(birth, just_before, TALLINN) == 17
    assert age_on(birth, just_before + timedelta(minutes=1), TALLINN) == 18


def test_who_was_born_on_a_leap_day_is_older_on_the_first_of_march() -> None:
    birth, zone = date(2008, 2, 29), ZoneInfo("UTC")
    assert age_on(birth, datetime(2026, 2, 28, 23, tzinfo=UTC), zone) == 17
    assert age_on(birth, datetime(2026, 3, 1, tzinfo=UTC), zone) == 18


def test_a_frozen_clock_stands_until_it_is_advanced() -> None:
    clock = FrozenClock(datetime(2026, 1, 1, tzinfo=UTC))
    assert clock.now() == clock.now()
    clock.advance(timedelta(seconds=1))
    assert clock.now().second == 1
