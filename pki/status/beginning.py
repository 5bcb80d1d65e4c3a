"""When what is told of revocations begins — RFC 5280 §5.1.2.4, RFC 6960 §4.2.2.1."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

LATE_CLOCKS = timedelta(minutes=5)
"""As much as certificates are dated back: who reads it may have a clock that runs late."""


def begins(now: datetime, revoked: Iterable[datetime]) -> datetime:
    """A little before `now`, yet not before any of what is told that lies in the past."""
    newest = max((at for at in revoked if at <= now), default=now - LATE_CLOCKS)
    return max(now - LATE_CLOCKS, newest).replace(microsecond=0)
