"""Enrol one person by a form: the checks of an import, all that is wrong at once — EN-1 to EN-3."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation.database import UnitOfWork
from foundation.pages import N_, Mistakes
from foundation.web import Form
from idp.register.desk import Desk
from idp.register.enrolment import Enrolled
from idp.register.evidence import Evidence, Findings
from idp.register.profile_form import HINTS, LABELS, MUST, profile_of

ENROLLED_AT = 1
NO_DOCUMENT = N_("Choose where these data come from.")


def show(desk: Desk, request: Request) -> Response:
    """The empty form."""
    return _page(desk, request)


def enrol(desk: Desk, request: Request) -> Response:
    """Enter the person at level 1; a colleague proofs them."""
    officer, form = desk.posted(request)
    mistakes, now = Mistakes(), desk.runtime.clock.now()
    profile = profile_of(desk.register, form, mistakes)
    kind, _, source = form.get("evidence", "").partition(":")
    policy = desk.register.proofing.current_policy(now)
    if kind not in policy.evidence or source not in policy.evidence[kind].sources:
        mistakes.add("evidence", NO_DOCUMENT)
    if mistakes or profile is None:
        return _page(desk, request, mistakes, form)
    findings = Findings(ENROLLED_AT, (Evidence(kind, source, form.get("method", "")[:64]),))

    def not_oneself(uow: UnitOfWork, enrolled: Enrolled) -> None:
        desk.refuse_own(uow, enrolled.person.id, officer)

    with mistakes.noting("civil_number", evidence="evidence"):
        enrolled = desk.register.enrolment.enrol(
            profile, findings, officer, policy.version, now, not_oneself
        )
    if mistakes:
        return _page(desk, request, mistakes, form)
    # Who wrote the record down may look at what they wrote; the person reads that.
    desk.lookups.open(enrolled.person.id, "correction", officer, now)
    done = "held" if enrolled.resembles else "enrolled"
    return RedirectResponse(f"/desk/persons/{enrolled.person.id}?done={done}", 303)


def _page(
    desk: Desk, request: Request, mistakes: Mistakes | None = None, typed: Form | None = None
) -> Response:
    desk.officer(request)
    return desk.runtime.pages.render(
        request,
        "register/enrol.html",
        mistakes=mistakes,
        typed=typed,
        labels=LABELS,
        hints=HINTS,
        must=MUST,
        values={"country": desk.register.jurisdiction.country} if typed is None else {},
        policy=desk.register.proofing.current_policy(desk.runtime.clock.now()),
    )
