"""What an auditor takes along: events, decisions or staff as a file — RFC 4180, JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from foundation.audit.review import MOST, AuditReview, Entry
from foundation.errors import BadRequest
from foundation.web import Form
from idp.register import AuditedDecision, StaffMember, audited_decisions, csv_text
from idp.supervision.endpoints import asked
from idp.supervision.supervision import Supervision

_FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
_KINDS = {"events": Entry, "decisions": AuditedDecision, "staff": StaffMember}


def export(supervision: Supervision, request: Request) -> Response:
    """What a page shows, as a file of at most 10,000 rows; that it was taken is on record."""
    by = supervision.auditor(request)
    form = web.form(request)
    web.check_csrf(request, form)
    what, written = form.get("what", ""), form.get("format", "")
    if what not in _KINDS or written not in _FORMATS:
        raise BadRequest("Choose what to export, as csv or jsonl.", where="what")
    rows = [_plain(asdict(row)) for row in _rows(supervision, what, form)]
    with supervision.runtime.database.write() as uow:
        details = {"what": what, "rows": len(rows)}
        supervision.runtime.audit.record(uow, "auditor.exported", by, (), details)
    if written == "csv":
        content = csv_text([field.name for field in fields(_KINDS[what])], rows)
    else:
        content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return Response(
        content,
        media_type=_FORMATS[written],
        headers={
            "Content-Disposition": f'attachment; filename="{what}.{written}"',
            "Cache-Control": "no-store",
        },
    )


def _rows(
    supervision: Supervision, what: str, form: Form
) -> Sequence[Entry | AuditedDecision | StaffMember]:
    if what == "events":
        wish = asked.events(supervision.runtime, form)
        review = AuditReview(supervision.runtime.audit)
        return review.entries(wish, asked.actors(supervision.members()), MOST)
    if what == "decisions":
        since, until = asked.span(supervision.runtime, form)
        with supervision.runtime.database.read() as uow:
            return audited_decisions(uow, since, until, limit=MOST)
    return supervision.members()


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in row.items()}
