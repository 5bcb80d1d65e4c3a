"""The auditor's pages: events, decisions, proofs, staff's acts; nothing can be changed."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from foundation.audit.review import MOST, AuditReview, Wish
from foundation.errors import NotFound
from foundation.settings import Server
from idp.register import audited_decisions, officers_measures
from idp.supervision.endpoints import asked
from idp.supervision.supervision import Supervision
from policies import PoliciesSettings, conformance

ROWS, DAYS = 100, 30


def home(supervision: Supervision, request: Request) -> Response:
    """Where an auditor begins: what there is to look at, and to take along."""
    supervision.auditor(request)
    members = supervision.members()
    review = AuditReview(supervision.runtime.audit)
    return supervision.runtime.pages.render(
        request,
        "supervision/auditor.html",
        has_decisions=supervision.has_desk,
        url=supervision.runtime.settings.of(Server).url,
        events=review.entries(Wish(), asked.actors(members), 10),
        names=asked.names(members),
    )


def events(supervision: Supervision, request: Request) -> Response:
    """Events by kind, by member of staff, by time."""
    supervision.auditor(request)
    query = web.query(request)
    members, wish = supervision.members(), asked.events(supervision.runtime, query)
    review = AuditReview(supervision.runtime.audit)
    found = review.entries(wish, asked.actors(members), ROWS + 1)
    return supervision.runtime.pages.render(
        request,
        "supervision/events.html",
        events=found[:ROWS],
        more=found[ROWS - 1].id if len(found) > ROWS else "",
        asked=query,
        most=MOST,
        names=asked.names(members),
        members=members,
    )


def event(supervision: Supervision, request: Request) -> Response:
    """One event: its leaf with the way to the proof, and its details if it concerns nobody."""
    supervision.auditor(request)
    event_id = request.path_params["event_id"]
    members, review = supervision.members(), AuditReview(supervision.runtime.audit)
    found = review.entry(event_id, asked.actors(members))
    if found is None:
        raise NotFound("There is no such event.")
    details = review.details(event_id)
    return supervision.runtime.pages.render(
        request,
        "supervision/event.html",
        event=found,
        details=None if details is None else json.dumps(details, ensure_ascii=False, indent=2),
        names=asked.names(members),
    )


def decisions(supervision: Supervision, request: Request) -> Response:
    """Proofing decisions: level, result, policy, officers; not about whom."""
    supervision.auditor(request)
    query = web.query(request)
    since, until = asked.span(supervision.runtime, query)
    with supervision.runtime.database.read() as uow:
        found = audited_decisions(uow, since, until, limit=ROWS + 1)
    return supervision.runtime.pages.render(
        request,
        "supervision/decisions.html",
        decisions=found[:ROWS],
        more=len(found) > ROWS,
        asked=query,
        most=MOST,
        names=asked.names(supervision.members()),
    )


def controls(supervision: Supervision, request: Request) -> Response:
    """What holds each control of ISO/IEC 29115, and when that was last seen to fail without it."""
    supervision.auditor(request)
    return supervision.runtime.pages.render(
        request,
        "supervision/conformance.html",
        rows=conformance(),
        organisation_level=supervision.runtime.settings.of(PoliciesSettings).organisation_level,
    )


def officers(supervision: Supervision, request: Request) -> Response:
    """Each officer's figures beside the median."""
    supervision.auditor(request)
    with supervision.runtime.database.read() as uow:
        found = officers_measures(uow, supervision.runtime.clock.now(), DAYS)
    return supervision.runtime.pages.render(
        request,
        "supervision/officers.html",
        measures=[(one, max((f.busiest for f in one.figures), default=0) or 1) for one in found],
        days=DAYS,
        names=asked.names(supervision.members()),
    )
