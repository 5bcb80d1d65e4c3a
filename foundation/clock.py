"""The only reader of system time; instants in storage; ages in the jurisdiction's time zone."""

from __future__ import annotations

from calendar import isleap
from datetime import UTC, date, datetime, timedelta
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
AHEAD = timedelta(minutes=10)
"""How far in the future what has happened may seem to lie: another clock, or ours a while ago."""


class Clock(Protocol):
    """Tells the present instant, an aware `datetime` in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class FrozenClock:
    """A clock that stands still until it is advanced: for tests and simulations."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        self._now += by


def begun(at: datetime, now: datetime) -> bool:
    """Whether what is on record as begun `at` has begun. A clock that was far ahead wrote down what
    cannot be: it must not last until that day comes."""
    return at <= now + AHEAD


def recent(at: datetime, within: timedelta, now: datetime) -> bool:
    """Whether it happened at most `within` ago, and is not from a future that was a mistake."""
    return now - at <= within and begun(at, now)


def microseconds(at: datetime) -> int:
    """An aware instant as whole microseconds since 1970 UTC."""
    return (at - _EPOCH) // _MICROSECOND


def instant(number: int) -> datetime:
    """The instant of so many microseconds since 1970 UTC."""
    return _EPOCH + number * _MICROSECOND


class Instant(TypeDecorator[datetime]):
    """An aware `datetime`, stored as integer microseconds since 1970 UTC on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone: pass an aware datetime")
        return microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else instant(value)


# When those born on 29 February are a year older in a common year: on 1 March in the United Kingdom
# or Hong Kong, on 28 February in New Zealand or Taiwan.
LeapDayBirthday = Literal["28 February", "1 March"]


def age_on(birth: date, at: datetime, zone: ZoneInfo, leap_day: LeapDayBirthday = "1 March") -> int:
    """Completed years of a person born on `birth` at instant `at`, by the calendar of `zone`."""
    today = at.astimezone(zone).date()
    birthday = (birth.month, birth.day)
    if birthday == (2, 29) and leap_day == "28 February" and not isleap(today.year):
        birthday = (2, 28)
    return today.year - birth.year - ((today.month, today.day) < birthday)
