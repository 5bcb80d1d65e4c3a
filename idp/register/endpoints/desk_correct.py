"""Correct a record: write it, look at what changes, do it; a colleague's word — GDPR art. 16."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation.audit import Actor
from foundation.errors import BadRequest
from foundation.pages import Mistakes
from foundation.web import Form
from idp.register.corrections import CORRECTABLE, Change, checked_source, texts_of
from idp.register.desk import Desk
from idp.register.endpoints.person_page import page_of
from idp.register.profile import FIELDS
from idp.register.profile_form import HINTS, LABELS, MUST, profile_of
from idp.register.reasons import checked_reason


def show(desk: Desk, request: Request) -> Response:
    """The record as a form."""
    return _form(desk, request, desk.officer(request))


def correct(desk: Desk, request: Request) -> Response:
    """First the page that shows what would change; from there, the correction itself."""
    officer, form = desk.posted(request)
    person_id = request.path_params["person_id"]
    if form.get("do") == "again":
        return _form(desk, request, officer, None, form)
    mistakes, source, reason = Mistakes(), "", ""
    after = profile_of(desk.register, form, mistakes)
    with mistakes.noting("source"):
        source = checked_source(desk.register.corrections.policy, form.get("source", ""))
    with mistakes.noting("reason"):
        reason = checked_reason(form.get("reason", ""))
    changes: tuple[Change, ...] = ()
    if not mistakes and after is not None:
        with desk.runtime.database.read() as uow:
            desk.require_open(uow, person_id, officer)
            with mistakes.noting(source="source", civil_number="civil_number"):
                changes = desk.register.corrections.foresee(uow, person_id, after, source)
    if mistakes or after is None:
        return _form(desk, request, officer, mistakes, form)
    if form.get("do") != "correct":
        return _preview(desk, request, form, changes)
    with desk.runtime.database.write() as uow:
        desk.require_open(uow, person_id, officer)
        made = desk.register.corrections.make(
            uow, person_id, after, source, reason, officer, desk.runtime.clock.now()
        )
    return RedirectResponse(f"/desk/persons/{person_id}?done=correction-{made.state}", 303)


def answer(desk: Desk, request: Request) -> Response:
    """The second officer's word on a correction, or the desk's answer to what a person asked."""
    officer, form = desk.posted(request)
    said, now = form.get("answer"), desk.runtime.clock.now()
    if said not in ("accept", "refuse", "answered"):
        raise BadRequest("The answer is accept, refuse or answered.", where="answer")
    corrections, correction_id = desk.register.corrections, request.path_params["correction_id"]
    mistakes, reason = Mistakes(), ""
    with mistakes.noting(f"answer-{correction_id}"):
        reason = checked_reason(form.get("reason", "")) if said == "answered" else ""
    if mistakes:
        with desk.runtime.database.read() as uow:
            person_id = corrections.find(uow, correction_id).person_id
            desk.require_open(uow, person_id, officer)
        return page_of(desk, request, officer, person_id, mistakes, form)
    with desk.runtime.database.write() as uow:
        found = corrections.find(uow, correction_id)
        desk.require_open(uow, found.person_id, officer)
        if said == "answered":
            closed = corrections.answer(uow, found.id, officer, reason, now)
            done = "answered"
        else:
            closed = corrections.confirm(uow, found.id, officer, said == "accept", now)
            done = f"correction-{closed.state}"
    return RedirectResponse(f"/desk/persons/{closed.person_id}?done={done}", 303)


def _form(
    desk: Desk,
    request: Request,
    officer: Actor,
    mistakes: Mistakes | None = None,
    typed: Form | None = None,
) -> Response:
    person_id = request.path_params["person_id"]
    with desk.runtime.database.read() as uow:
        desk.require_open(uow, person_id, officer)
        profile = desk.register.profile(uow, person_id)
        person = desk.register.person(uow, person_id)
    now = desk.runtime.clock.now()
    return desk.runtime.pages.render(
        request,
        "register/correct.html",
        mistakes=mistakes,
        typed=typed,
        person=person,
        profile=profile,
        correctable=person is not None and person.state in CORRECTABLE,
        # What was emptied stays empty when the form comes back.
        values=texts_of(profile) if typed is None else {},
        labels=LABELS,
        hints=HINTS,
        must=MUST,
        sources=desk.source_labels(),
        second=[n for n in FIELDS if desk.register.corrections.policy.needs_second([n])],
        policy=desk.register.proofing.current_policy(now),
    )


def _preview(desk: Desk, request: Request, form: Form, changes: tuple[Change, ...]) -> Response:
    person_id, policy = request.path_params["person_id"], desk.register.corrections.policy
    fields = [change.field for change in changes]
    with desk.runtime.database.read() as uow:
        person = desk.register.person(uow, person_id)
        profile = desk.register.profile(uow, person_id)
    most = policy.most_level(fields)
    return desk.runtime.pages.render(
        request,
        "register/correct_preview.html",
        person=person,
        profile=profile,
        changes=changes,
        labels=LABELS,
        source=desk.source_labels().get(form.get("source", ""), ""),
        sent={n: form.get(n, "") for n in (*FIELDS, "source", "reason")},
        second=policy.needs_second(fields),
        falls_to=most if person is not None and most < person.level else None,
    )
