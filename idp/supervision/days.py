"""Days that staff write, in the jurisdiction's time zone as every page shows them — ISO 8601-1."""

from __future__ import annotations

from datetime import date, datetime, time

from foundation.errors import BadRequest
from foundation.runtime import Runtime
from foundation.settings import Jurisdiction


def written_day(written: str, where: str) -> date:
    """The day of a field; raises BadRequest."""
    try:
        day = date.fromisoformat(written)
        if not 1970 <= day.year <= 9000:
            raise ValueError
    except ValueError:
        raise BadRequest(
            "The day is not understood.", where=where, next_step="Write it as 2026-03-01."
        ) from None
    return day


def beginning(day: date, runtime: Runtime) -> datetime:
    """The instant at which a day begins."""
    return datetime.combine(day, time.min, runtime.settings.of(Jurisdiction).zone)
