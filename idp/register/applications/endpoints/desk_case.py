"""One application at the desk: taken, asked about, refused, enrolled — 29115 §10.1, EN-8, EN-9."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import BadRequest
from foundation.pages import N_, Mistakes
from foundation.web import Form
from idp.register.applications.application import ANSWER, QUESTION, REACH, WHO, Application
from idp.register.applications.online import OnlineApplications
from idp.register.applications.ways import known
from idp.register.enrolment import Enrolled
from idp.register.evidence import Evidence, Findings
from idp.register.profile_form import HINTS, LABELS, MUST, profile_of
from idp.register.recovery import POST

ENROLLED_AT = 1
_ADDRESS = ("street_address", "postal_code", "locality", "region", "country")
NO_DOCUMENT = N_("Choose where these data come from.")


def show(online: OnlineApplications, request: Request) -> Response:
    """What it is; what stands in it, for the officer who has it."""
    return _page(online, request, _found(online, request))


def take(online: OnlineApplications, request: Request) -> Response:
    officer, _ = online.desk.posted(request)
    online.cases.take(_number(request), officer, online.runtime.clock.now())
    return _back(request)


def give_back(online: OnlineApplications, request: Request) -> Response:
    officer, _ = online.desk.posted(request)
    online.cases.give_back(_number(request), officer, online.runtime.clock.now())
    return _back(request, "returned")


def call_urgent(online: OnlineApplications, request: Request) -> Response:
    officer, form = online.desk.posted(request)
    said = form.get("urgent")
    if said not in ("yes", "no"):
        raise BadRequest("The answer is yes or no.", where="urgent")
    now = online.runtime.clock.now()
    online.cases.call_urgent(_number(request), said == "yes", officer, now)
    return _back(request)


def ask(online: OnlineApplications, request: Request) -> Response:
    """A sentence that the applicant reads, and can answer."""
    officer, form = online.desk.posted(request)
    mistakes, found = Mistakes(), _found(online, request)
    with mistakes.noting(reason="question"):
        now = online.runtime.clock.now()
        online.cases.ask(found.number, form.get("question", ""), officer, now)
        return _back(request, "asked")
    return _page(online, request, found, mistakes, form)


def refuse(online: OnlineApplications, request: Request) -> Response:
    """With the reason, which the applicant reads."""
    officer, form = online.desk.posted(request)
    mistakes, found = Mistakes(), _found(online, request)
    with mistakes.noting(reason="reason"):
        now = online.runtime.clock.now()
        online.cases.refuse(found.number, form.get("reason", ""), officer, now)
        return _back(request, "refused")
    return _page(online, request, found, mistakes, form)


def enrol(online: OnlineApplications, request: Request) -> Response:
    """The data as the officer has compared them: entered at level 1, as at the desk."""
    officer, form = online.desk.posted(request)
    found, now = _found(online, request), online.runtime.clock.now()
    mistakes, desk = Mistakes(), online.desk
    profile = profile_of(online.register, form, mistakes)
    kind, _, source = form.get("evidence", "").partition(":")
    policy = online.register.proofing.current_policy(now)
    if kind not in policy.evidence or source not in policy.evidence[kind].sources:
        mistakes.add("evidence", NO_DOCUMENT)
    if mistakes or profile is None:
        return _page(online, request, found, mistakes, form)
    findings = Findings(ENROLLED_AT, (Evidence(kind, source, form.get("method", "")[:64]),))

    def not_oneself(uow: UnitOfWork, enrolled: Enrolled) -> None:
        desk.refuse_own(uow, enrolled.person.id, officer)

    with mistakes.noting("civil_number", evidence="evidence"):
        enrolled = online.cases.enrol(
            found, profile, findings, policy.version, officer, now, not_oneself
        )
    if mistakes:
        return _page(online, request, found, mistakes, form)
    desk.lookups.open(enrolled.person.id, "correction", officer, now)
    done = "held" if enrolled.resembles else "enrolled"
    return RedirectResponse(f"/desk/persons/{enrolled.person.id}?done={done}", 303)


def _number(request: Request) -> str:
    return str(request.path_params["number"])


def _found(online: OnlineApplications, request: Request) -> Application:
    with online.runtime.database.read() as uow:
        return online.cases.find(uow, _number(request), online.runtime.clock.now())


def _back(request: Request, done: str = "") -> Response:
    there = f"/desk/applications/{_number(request)}"
    return RedirectResponse(f"{there}?done={done}" if done else there, 303)


def _page(
    online: OnlineApplications,
    request: Request,
    found: Application,
    mistakes: Mistakes | None = None,
    typed: Form | None = None,
) -> Response:
    officer, now = online.desk.officer(request), online.runtime.clock.now()
    holder = found.held_by(online.cases.lease, now)
    return online.runtime.pages.render(
        request,
        "applications/case.html",
        mistakes=mistakes,
        typed=typed,
        found=found,
        way=known().get(found.way or ""),
        holder=holder,
        minutes=online.settings.lease_minutes,
        done=request.query_params.get("done", ""),
        **_opened(online, found, officer, now),
    )


def _opened(
    online: OnlineApplications, found: Application, officer: Actor, now: datetime
) -> dict[str, Any]:
    """What stands in it: for the officer who has it, and nobody else."""
    holder = found.held_by(online.cases.lease, now)
    if holder != officer.id or found.leased_at is None or not found.is_open:
        return {"mine": False}
    with online.runtime.database.read() as uow:
        parts = online.cases.parts(uow, found)
    values = {**parts.get(WHO, {}), **parts.get(REACH, {})}
    by_post = found.way == POST
    # Nobody saw who wrote it: the letter must not go where somebody only says to live.
    typed = {n: v for n, v in values.items() if not (by_post and n in _ADDRESS)}
    return {
        "mine": True,
        "said_address": [values[n] for n in _ADDRESS if n in values] if by_post else [],
        "until": found.leased_at + online.cases.lease,
        "values": typed,
        "confirmed": online.contacts.is_of(found, values.get("email", "")),
        "question": parts.get(QUESTION, {}).get("said", ""),
        "answered": parts.get(ANSWER, {}).get("said", ""),
        "labels": LABELS,
        "hints": HINTS,
        "must": MUST,
        "policy": online.register.proofing.current_policy(now),
    }
