"""The sign-in page: name and password, or a passkey; step-up — OpenID Connect Core §3.1.2.3."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.errors import TooManyRequests
from foundation.pages import N_, Mistakes
from idp.login.establishing import SignInRefused
from idp.login.login import Login
from idp.login.session import Session
from idp.login.visit import Errand, Visit

WRONG = N_("The name and the password do not fit together.")
WRONG_PASSWORD = N_("This is not your password.")
SUSPENDED = N_("We know that it is you, but this identity is suspended.")
ASK_OFFICE = N_("Ask the registration office; they tell you the reason and what to do.")
WAIT = N_("There were too many attempts. Wait %(minutes)s min, then try again.")


def show(login: Login, request: Request) -> Response:
    """The form that this browser needs, or on to its errand when it needs none."""
    errand = Errand.parse(web.query(request))
    session = login.session(request)
    if session is None or errand.fresh:
        return form(login, request, errand, session)
    unproven = errand.strongest and not login.management.may_change(session)
    if unproven or login.level_to_reach(session, errand) is not None:
        return step_up_form(login, request, session)
    return RedirectResponse(login.next_path(session, errand), 303)


def submit(login: Login, request: Request) -> Response:
    """Name and password, or the password alone to step up."""
    fields = web.form(request)
    web.check_csrf(request, fields)
    visit = Visit.of(request)
    session = login.session_to_prove(request)
    typed = fields.get("password", "")
    name = fields.get("name", "")
    stepping_up = fields.get("step_up") == "1" and session is not None
    try:
        if stepping_up and session is not None:
            signed_in = login.sign_in.step_up_by_password(typed, visit, session)
        else:
            signed_in = login.sign_in.by_password(name, typed, visit, session)
    except SignInRefused as refused:
        mistakes = _mistakes(refused, stepping_up)
        if stepping_up and session is not None:
            return step_up_form(login, request, session, mistakes)
        return form(login, request, visit.errand, session, mistakes, name)
    except TooManyRequests as full:
        mistakes = too_many(full)
        if stepping_up and session is not None:
            page = step_up_form(login, request, session, mistakes)
        else:
            page = form(login, request, visit.errand, session, mistakes, name)
        page.headers.update(full.headers)
        return page
    onward = login.next_path(signed_in.session, visit.errand)
    return login.keep(RedirectResponse(onward, 303), request, signed_in)


def form(
    login: Login,
    request: Request,
    errand: Errand,
    session: Session | None,
    mistakes: Mistakes | None = None,
    name: str = "",
) -> Response:
    """The page with name and password."""
    signed_in_as = login.directory.name_of(session.subject) if session is not None else ""
    return login.runtime.pages.render(
        request,
        "login/sign_in.html",
        leads_back=True,
        mistakes=mistakes,
        errand=errand,
        signed_in_as=signed_in_as,
        name=name or (signed_in_as if errand.fresh else ""),
        staff_only=login.staff_only,
        csrf=web.csrf_token(request),
    )


def step_up_form(
    login: Login,
    request: Request,
    session: Session,
    mistakes: Mistakes | None = None,
) -> Response:
    """The page that asks for one more proof."""
    kinds = {credential.kind for credential in login.management.list(session.subject)}
    errand = Errand.parse(web.query(request))
    with_passkey, with_password = "passkey" in kinds, "password" in kinds
    if errand.strongest:
        # Only what would do is offered. Who lost it asks for its removal, and waits.
        with_password = not with_passkey
    elif any(proof.authenticator == "password" for proof in session.proofs):
        with_password = False
    return login.runtime.pages.render(
        request,
        "login/step_up.html",
        leads_back=True,
        mistakes=mistakes,
        errand=errand,
        with_passkey=with_passkey,
        with_password=with_password,
        csrf=web.csrf_token(request),
    )


def too_many(full: TooManyRequests) -> Mistakes:
    """How long to wait, for the page that stays."""
    wrong = Mistakes(full.status)
    wrong.add("", WAIT, values={"minutes": -(-full.retry_after // 60)})
    return wrong


def _mistakes(refused: SignInRefused, stepping_up: bool) -> Mistakes:
    wrong = Mistakes()
    if refused.reason == "suspended":
        wrong.add("", SUSPENDED, ASK_OFFICE)
    elif stepping_up:
        wrong.add("password", WRONG_PASSWORD)
    else:
        wrong.add("name", WRONG)
    return wrong
