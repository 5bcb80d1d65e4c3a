"""What caches may keep, and for how long — RFC 5019 §6.2, RFC 9110 §8.8, §13."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from starlette.requests import Request
from starlette.responses import Response

KEEP = timedelta(seconds=60)
"""How long a cache between us and a relying party may answer for us."""


def cacheable(
    request: Request,
    content: bytes,
    media_type: str,
    this_update: datetime,
    next_update: datetime,
    now: datetime,
) -> Response:
    """A signed statement, or 304 to who has it already."""
    keep = max(timedelta(0), min(KEEP, next_update - now))
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {
        "Cache-Control": (
            f"max-age={int(keep.total_seconds())}, public, no-transform, must-revalidate"
        ),
        "ETag": tag,
        "Last-Modified": _date(this_update),
        "Expires": _date(now + keep),
    }
    if _known(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


def _known(asked: str, tag: str) -> bool:
    """§13.1.2, by weak comparison."""
    return any(one.strip().removeprefix("W/") in (tag, "*") for one in asked.split(","))


def _date(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC), usegmt=True)
