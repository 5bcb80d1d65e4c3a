"""What an auditor asks for in a query or a form, and how those who acted are named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from foundation.audit import Actor
from foundation.audit.review import Wish
from foundation.errors import BadRequest
from foundation.runtime import Runtime
from foundation.web import Form
from idp.register import StaffMember
from idp.supervision.days import beginning, written_day


def events(runtime: Runtime, asked: Form) -> Wish:
    """Which events: by kind, by member of staff, by time. Raises BadRequest."""
    since, until = span(runtime, asked)
    staff_id = asked.get("staff", "")
    if len(staff_id) > 64:
        raise BadRequest("There is no such member of staff.", where="staff")
    return Wish(
        kind=asked.get("kind", "").strip()[:64],
        by=Actor("staff", staff_id) if staff_id else None,
        since=since,
        until=until,
        before=asked.get("before", "")[:64],
    )


def span(runtime: Runtime, asked: Form) -> tuple[datetime | None, datetime | None]:
    """From the beginning of one day to the end of another, as far as they are written."""
    since, until = (
        written_day(asked[name], name) if asked.get(name) else None for name in ("since", "until")
    )
    return (
        beginning(since, runtime) if since else None,
        beginning(until + timedelta(days=1), runtime) if until else None,
    )


def actors(members: Sequence[StaffMember]) -> list[Actor]:
    return [Actor("staff", member.id) for member in members]


def names(members: Sequence[StaffMember]) -> Mapping[str, str]:
    return {member.id: member.name for member in members}
