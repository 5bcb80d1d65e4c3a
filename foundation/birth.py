"""Birth dates as registers know them, in part too, and what is sure of an age.

ISO 8601-1 §5.2.2 writes what is known of a date: `1990-07-21`, `1990-07`, `1990`.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime

from foundation.clock import age_on
from foundation.settings import Jurisdiction

_WRITTEN = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A year, or a month of a year: the day is not known."""

    year: int
    month: int | None = None

    def __post_init__(self) -> None:
        date(self.year, self.month or 1, 1)

    def isoformat(self) -> str:
        return f"{self.year:04}" if self.month is None else f"{self.year:04}-{self.month:02}"


BirthDate = date | PartialDate


def parse(text: str) -> BirthDate:
    """A date of ISO 8601; `00` is what civil registers write for a month or day that they do not
    know. Raises ValueError, also where the year is not known: nothing follows from such a date."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise ValueError(text)
    year, month, day = (int(part or 0) for part in match.groups())
    if month and day:
        return date(year, month, day)
    if day:
        raise ValueError(text)
    return PartialDate(year, month or None)


def earliest(born: BirthDate) -> date:
    """The first day on which the person may have been born."""
    return born if isinstance(born, date) else date(born.year, born.month or 1, 1)


def latest(born: BirthDate) -> date:
    """The last day on which the person may have been born."""
    if isinstance(born, date):
        return born
    month = born.month or 12
    return date(born.year, month, monthrange(born.year, month)[1])


def sure_age(born: BirthDate, at: datetime, jurisdiction: Jurisdiction) -> int:
    """Completed years that the person has at least."""
    return age_on(latest(born), at, jurisdiction.zone, jurisdiction.leap_day_birthday)


def has_reached(age: int, born: BirthDate, at: datetime, jurisdiction: Jurisdiction) -> bool | None:
    """Whether the person is so old; None while the day on which it is decided is not known."""
    if sure_age(born, at, jurisdiction) >= age:
        return True
    zone, leap_day = jurisdiction.zone, jurisdiction.leap_day_birthday
    return None if age_on(earliest(born), at, zone, leap_day) >= age else False


def as_claim(born: BirthDate) -> str:
    """The `birthdate` claim, which has a form for a whole date and for a year, and none for a month
    of a year — OpenID Connect Core 1.0 §5.1."""
    return born.isoformat() if isinstance(born, date) else f"{born.year:04}"
