"""An instant in the reader's words, by the city's clock, which it names — Unicode TR 35 Part 4."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime


def spelled(instant: datetime, zone: ZoneInfo, locale: Locale, style: str = "medium") -> str:
    """Day and time, and by which clock: "1 Jul 2026, 14:05:00 CEST".

    "full" names the clock in words, as CLDR has them: "… 14:05:00 Central European Summer Time".
    """
    local = instant.astimezone(UTC).astimezone(zone)
    text = format_datetime(local, style, tzinfo=zone, locale=locale)
    return text if style in ("full", "long") else f"{text} {_short_name(local)}"


def _short_name(local: datetime) -> str:
    """What the clock is called in short. CLDR has few of these, and not the same in each language:
    who compares a page with a letter in another language shall read one name."""
    name = local.tzname() or ""
    if not name.startswith(("+", "-")):
        return name
    hours, minutes = name[:3], name[3:]
    return f"UTC{hours}:{minutes or '00'}"
