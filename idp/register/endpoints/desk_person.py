"""A person at the desk: record, proofing, letter, steps of life — EN-4 to EN-8, 24760-1."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation.errors import BadRequest
from foundation.marking import N_
from foundation.pages import Mistakes, Question, ask_first
from foundation.web import Form
from idp.register import store
from idp.register.desk import Desk
from idp.register.endpoints.desk_home import why
from idp.register.endpoints.person_page import PIECES, STEPS, page_of
from idp.register.evidence import Evidence, Findings, assess
from idp.register.reasons import checked_reason

NO_DOCUMENT = N_("Choose the document that you saw.")
REFUSED = N_(
    "The rules say that these papers are not enough for this level. The refusal was written down."
)
ARCHIVE = Question(
    N_("Archive this identity?"),
    (
        N_("This person is signed out everywhere, and cannot sign in any more."),
        N_("Their password and their passkeys are gone for good."),
        N_("Their data is cut to what the law says must be kept."),
    ),
    N_("Yes, archive it"),
)


def person(desk: Desk, request: Request) -> Response:
    """The record of one person, while the officer's look-up is open."""
    officer = desk.officer(request)
    person_id = request.path_params["person_id"]
    now = desk.runtime.clock.now()
    with desk.runtime.database.read() as uow:
        store.known_person(uow, person_id)
        desk.refuse_own(uow, person_id, officer)
        is_open = desk.lookups.is_open(uow, person_id, officer, now)
    if not is_open:
        return why(desk, request, person_id)
    return page_of(desk, request, officer, person_id)


def proof(desk: Desk, request: Request) -> Response:
    """Record what the officer found, and what the policy says to it; or only try it, which shows
    what the policy would say and records nothing."""
    officer, form = desk.posted(request)
    person_id, mistakes = request.path_params["person_id"], Mistakes()
    with mistakes.noting("level"):
        findings = _findings(form)
    if not mistakes and not findings.evidence:
        mistakes.add("evidence_1", NO_DOCUMENT)
    if mistakes or form.get("do") == "try":
        with desk.runtime.database.read() as uow:
            desk.require_open(uow, person_id, officer)
            policy = desk.register.proofing.policy(
                form.required("policy_version"), desk.runtime.clock.now()
            )
        tried = None if mistakes else assess(policy, findings)
        return page_of(desk, request, officer, person_id, mistakes, form, tried)
    with desk.runtime.database.write() as uow:
        desk.require_open(uow, person_id, officer)
        decision = desk.register.proofing.reproof(
            uow,
            person_id,
            form.required("policy_version"),
            findings,
            officer,
            desk.register.jurisdiction.terms_version,
            desk.runtime.clock.now(),
        )
        if decision.result != "refused":
            seen = [piece.reference for piece in findings.evidence if piece.possessed]
            desk.register.uniqueness.saw_documents(uow, person_id, seen, desk.runtime.clock.now())
    if decision.result == "refused":
        mistakes.add("proofing", REFUSED)
        for reason in decision.reasons:
            mistakes.add("proofing", reason)
        return page_of(desk, request, officer, person_id, mistakes, form)
    return RedirectResponse(f"/desk/persons/{person_id}?done={decision.result}", 303)


def confirm(desk: Desk, request: Request) -> Response:
    """The second officer's word on a decision that waits for it."""
    officer, form = desk.posted(request)
    answer = form.get("answer")
    if answer not in ("accept", "refuse"):
        raise BadRequest("The answer is accept or refuse.", where="answer")
    now = desk.runtime.clock.now()
    with desk.runtime.database.write() as uow:
        proofing = desk.register.proofing
        decision = proofing.decision(uow, request.path_params["decision_id"])
        desk.require_open(uow, decision.person_id, officer)
        decision = proofing.confirm(uow, decision.id, officer, answer == "accept", now)
    return RedirectResponse(f"/desk/persons/{decision.person_id}?done={decision.result}", 303)


def letter(desk: Desk, request: Request) -> Response:
    """Ask for an activation letter; the printing house makes it, and no officer sees its code."""
    officer, _ = desk.posted(request)
    person_id = request.path_params["person_id"]
    with desk.runtime.database.write() as uow:
        desk.require_open(uow, person_id, officer)
        desk.register.letters.ask(uow, person_id, officer, desk.runtime.clock.now())
    return RedirectResponse(f"/desk/persons/{person_id}?done=letter", 303)


def change(desk: Desk, request: Request) -> Response:
    """Suspend, reactivate or archive, with a reason that the person will read."""
    officer, form = desk.posted(request)
    person_id = request.path_params["person_id"]
    step, reason, now = form.get("step"), form.get("reason", ""), desk.runtime.clock.now()
    if step not in STEPS:
        raise BadRequest(N_("The step is one of %(steps)s.", steps=", ".join(STEPS)), where="step")
    with desk.runtime.database.read() as uow:
        desk.require_open(uow, person_id, officer)
    mistakes = Mistakes()
    with mistakes.noting(reason="reason"):
        if step == "suspend":
            desk.life.suspend(person_id, officer, reason, now)
        elif step == "reactivate":
            desk.life.reactivate(person_id, officer, reason, _level(form), now)
        else:
            checked_reason(reason)
            if (asked := _ask_archive(desk, request, form)) is not None:
                return asked
            desk.life.archive(person_id, officer, reason, now)
    if mistakes:
        return page_of(desk, request, officer, person_id, mistakes, form)
    return RedirectResponse(f"/desk/persons/{person_id}?done={step}", 303)


def _ask_archive(desk: Desk, request: Request, form: Form) -> Response | None:
    person_id = request.path_params["person_id"]
    found, _ = desk.life.foresee(person_id, "archive")
    with desk.runtime.database.read() as uow:
        about = desk.register.profile(uow, person_id).name
    return ask_first(
        desk.runtime.pages,
        request,
        form,
        ARCHIVE,
        version=f"{found.state} {found.level} {found.changed_at}",
        back=f"/desk/persons/{person_id}",
        about=about,
    )


def _findings(form: Form) -> Findings:
    pieces = []
    for number in PIECES:
        kind, _, source = form.get(f"evidence_{number}", "").partition(":")
        if kind:
            pieces.append(
                Evidence(
                    type=kind[:64],
                    source=source[:64],
                    method=form.get(f"method_{number}", "")[:64],
                    reference=form.get(f"reference_{number}", "").strip()[:100],
                    possessed=form.get(f"possessed_{number}") == "yes",
                    valid=form.get(f"valid_{number}") == "yes",
                )
            )
    return Findings(_level(form), tuple(pieces), form.get("contact_exercised") == "yes")


def _level(form: Form) -> int:
    written = form.get("level", "")
    if written not in ("1", "2", "3", "4"):
        raise BadRequest("The level is a number from 1 to 4.", where="level")
    return int(written)
