"""Birth dates as offices write them, as ISO 8601 where they can mean one date only; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from foundation.text import digits, is_dash, nfkc, trimmed
from idp.register.profile import WrongField

Order = Literal["day-month", "month-day"]

_MIDNIGHT = re.compile(r"[T ]0{1,2}:00(:00(\.0+)?)?Z?$")
_YEAR_FIRST = re.compile(r"(\d{4})(?:([-/. ])(\d{1,2})(?:\2(\d{1,2}))?)?\.?")
_YEAR_LAST = re.compile(r"(?:(\d{1,2})([-/. ]))?(\d{1,2})([-/. ])(\d{4})\.?")
_COMPACT = re.compile(r"((?:18|19|20)\d\d)(\d\d)(\d\d)")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_HAN = str.maketrans({"年": "-", "月": "-", "日": ""})


def order_of(written: Iterable[str], ours: Order | None) -> Order | None:
    """In which order the dates of a file are written: as the jurisdiction does and no date of the
    file contradicts; without that, as all those of its dates do that can be read in one order
    only. None: that is not known."""
    orders = {_evident(text) for text in written} | {ours}
    orders.discard(None)
    return orders.pop() if len(orders) == 1 else None


def depends(text: str) -> bool:
    """Whether the order decides which date it is."""
    parts = _year_last(text)
    return parts is not None and _order(*parts) is None and parts[0] != parts[1]


def iso(text: str, order: Order | None) -> str:
    """The date as ISO 8601 writes it, or the text as it is when it is none: the profile says so.
    Raises WrongField when it could be two dates."""
    if _ISO.fullmatch(text) is not None:
        return text
    plain = _plain(text)
    if (match := _COMPACT.fullmatch(plain)) is not None:
        return "-".join(match.groups())
    if (match := _YEAR_FIRST.fullmatch(plain)) is not None:
        return "-".join(part.zfill(2) for part in match.group(1, 3, 4) if part)
    parts = _year_last(text)
    if parts is None:
        return plain
    first, second, dotted, year = parts
    known = _order(first, second, dotted, year) or order
    if known is None and first != second:
        raise WrongField(
            "birthdate",
            "could be two dates, since the order of day and month is not known",
            "Write year-month-day, such as 1987-03-21, or set [jurisdiction] date_order.",
        )
    day, month = (second, first) if known == "month-day" else (first, second)
    return f"{year}-{month:02}-{day:02}"


def _plain(text: str) -> str:
    text = digits(nfkc(trimmed(text))).translate(_HAN)
    return _MIDNIGHT.sub("", "".join("-" if is_dash(char) else char for char in text))


def _year_last(text: str) -> tuple[int, int, bool, str] | None:
    """The first two numbers of a date that ends with its year, whether dots part them, the year; a
    month alone has the day 0."""
    match = None if _ISO.fullmatch(text) else _YEAR_LAST.fullmatch(_plain(text))
    if match is None or (match[2] and match[2] != match[4]):
        return None
    return int(match[1] or 0), int(match[3]), match[4] == ".", match[5]


def _order(first: int, second: int, dotted: bool, _year: str) -> Order | None:
    """The order that the numbers themselves tell. Dots are written where days come first; zero is
    a day that is not known."""
    if dotted or first > 12 or first == 0:
        return "day-month"
    return "month-day" if second > 12 or second == 0 else None


def _evident(text: str) -> Order | None:
    parts = _year_last(text)
    # What is dotted, or a month alone, tells nothing of dates that are written otherwise.
    return None if parts is None or parts[2] or parts[0] == 0 else _order(*parts)
