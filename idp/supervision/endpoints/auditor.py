"""The auditor's pages: events, decisions, proofs, staff's acts, exports; nothing can be changed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from foundation.audit import Actor
from foundation.audit_review import MOST, AuditReview, Entry, Wish
from foundation.errors import BadRequest, NotFound
from foundation.web import Form
from idp.register import (
    AuditedDecision,
    Measure,
    StaffMember,
    audited_decisions,
    officers_measures,
)
from idp.supervision.wing import Supervision

ROWS, DAYS = 100, 30
_FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


def home(supervision: Supervision, request: Request) -> Response:
    """Where an auditor begins: what there is to look at, and to take along."""
    supervision.auditor(request)
    return supervision.ground.pages.render(
        request,
        "supervision/auditor.html",
        has_decisions=supervision.has_desk,
        events=AuditReview(supervision.ground.audit).entries(Wish(), _actors(supervision), 10),
        names=_names(supervision),
    )


def events(supervision: Supervision, request: Request) -> Response:
    """Events by kind, by member of staff, by time."""
    supervision.auditor(request)
    query = web.query(request)
    wish = _wish(supervision, query)
    found = AuditReview(supervision.ground.audit).entries(wish, _actors(supervision), ROWS + 1)
    return supervision.ground.pages.render(
        request,
        "supervision/events.html",
        events=found[:ROWS],
        more=found[ROWS - 1].id if len(found) > ROWS else "",
        asked=query,
        names=_names(supervision),
        members=_members(supervision),
    )


def event(supervision: Supervision, request: Request) -> Response:
    """One event: its leaf with the way to the proof, and its details if it concerns nobody."""
    supervision.auditor(request)
    event_id = request.path_params["event_id"]
    review = AuditReview(supervision.ground.audit)
    found = review.entry(event_id, _actors(supervision))
    if found is None:
        raise NotFound("There is no such event.")
    details = review.details(event_id)
    return supervision.ground.pages.render(
        request,
        "supervision/event.html",
        event=found,
        details=None if details is None else json.dumps(details, ensure_ascii=False, indent=2),
        names=_names(supervision),
    )


def decisions(supervision: Supervision, request: Request) -> Response:
    """Proofing decisions: level, result, policy, officers; not about whom."""
    supervision.auditor(request)
    query = web.query(request)
    since, until = _span(query)
    with supervision.ground.database.read() as uow:
        found = audited_decisions(uow, since, until, limit=ROWS)
    return supervision.ground.pages.render(
        request,
        "supervision/decisions.html",
        decisions=found,
        asked=query,
        names=_names(supervision),
    )


def officers(supervision: Supervision, request: Request) -> Response:
    """Each officer's figures beside the median, as bars."""
    supervision.auditor(request)
    with supervision.ground.database.read() as uow:
        found = officers_measures(uow, supervision.ground.clock.now(), DAYS)
    return supervision.ground.pages.render(
        request,
        "supervision/officers.html",
        measures=[(one, _picture(one)) for one in found],
        days=DAYS,
        names=_names(supervision),
    )


def export(supervision: Supervision, request: Request) -> Response:
    """What a page shows, as a file of at most 10,000 rows; that it was taken is on record."""
    by = supervision.auditor(request)
    form = web.form(request)
    web.check_csrf(request, form)
    what, written = form.get("what", ""), form.get("format", "")
    if what not in ("events", "decisions", "staff") or written not in _FORMATS:
        raise BadRequest("Choose what to export, as csv or jsonl.", where="what")
    if what == "events":
        wish = _wish(supervision, form)
        found = AuditReview(supervision.ground.audit).entries(wish, _actors(supervision), MOST)
        rows, names = [asdict(one) for one in found], _columns(Entry)
    elif what == "decisions":
        since, until = _span(form)
        with supervision.ground.database.read() as uow:
            decided = audited_decisions(uow, since, until, limit=MOST)
        rows, names = [asdict(one) for one in decided], _columns(AuditedDecision)
    else:
        rows, names = [asdict(one) for one in _members(supervision)], _columns(StaffMember)
    with supervision.ground.database.write() as uow:
        details = {"what": what, "rows": len(rows)}
        supervision.ground.audit.record(uow, "auditor.exported", by, (), details)
    return Response(
        _file(rows, names, written),
        media_type=_FORMATS[written],
        headers={
            "Content-Disposition": f'attachment; filename="{what}.{written}"',
            "Cache-Control": "no-store",
        },
    )


# ── what is asked, and who is named ───────────────────────────────────────────────────────


def _wish(supervision: Supervision, asked: Form) -> Wish:
    since, until = _span(asked)
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


def _span(asked: Form) -> tuple[datetime | None, datetime | None]:
    since, until = _day(asked, "since"), _day(asked, "until")
    return since, until + timedelta(days=1) if until else None


def _day(asked: Form, name: str) -> datetime | None:
    written = asked.get(name, "")
    if not written:
        return None
    try:
        day = date.fromisoformat(written)
        if not 1970 <= day.year <= 9000:
            raise ValueError
    except ValueError:
        raise BadRequest(
            "The day is not understood.", where=name, next_step="Write it as 2026-03-01."
        ) from None
    return datetime.combine(day, time.min, UTC)


def _members(supervision: Supervision) -> list[StaffMember]:
    if supervision.register is None:
        return []
    with supervision.ground.database.read() as uow:
        return supervision.register.staff.members(uow)


def _actors(supervision: Supervision) -> list[Actor]:
    return [Actor("staff", member.id) for member in _members(supervision)]


def _names(supervision: Supervision) -> Mapping[str, str]:
    return {member.id: member.name for member in _members(supervision)}


# ── files and pictures ────────────────────────────────────────────────────────────────────


def _columns(kind: type) -> list[str]:
    return [field.name for field in fields(kind)]


def _file(rows: Iterable[Mapping[str, Any]], columns: list[str], written: str) -> str:
    plain = [{name: _plain(row[name]) for name in columns} for row in rows]
    if written == "jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in plain)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in plain)
    return text.getvalue()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _cell(value: Any) -> Any:
    """A spreadsheet takes no cell for a formula (CWE-1236)."""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value


def _picture(measure: Measure) -> dict[str, Any]:
    """Bars of the busiest days and the line of the median, in a field of 1000 by the rows."""
    most = max([*(figure.busiest for figure in measure.figures), measure.median, 1])
    scale = 640 / most
    bars = [
        {"officer": f.officer, "y": 4 + 28 * n, "width": round(f.busiest * scale), "figure": f}
        for n, f in enumerate(measure.figures)
    ]
    middle = 260 + round(measure.median * scale)
    return {"bars": bars, "median": middle, "height": 28 * len(bars) + 8}
