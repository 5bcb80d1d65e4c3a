"""The sign-in page: name and password, or a passkey; step-up — OpenID Connect Core §3.1.2.3."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.errors import TooManyRequests
from foundation.pages import N_, Mistakes
from idp.login.code_sign_in import USED
from idp.login.credential import CODE_CARD, RECOVERY_CODES, TOTP
from idp.login.establishing import SignInRefused
from idp.login.login import Login
from idp.login.session import Session
from idp.login.sign_in import LOCKED
from idp.login.visit import Errand, Visit

WRONG = N_("The name and the password do not fit together.")
WRONG_PASSWORD = N_("This is not your password.")
WRONG_APP = N_("This is not the code that your app shows now.")
LOOK_AT_CLOCK = N_("Type the newest one. If it goes on, set the clock of the telephone by itself.")
WRONG_CARD = N_("This is not the code of that number on your card.")
LOOK_AT_NUMBER = N_("Look at the number that is asked for, and at the date of the card.")
WRONG_RECOVERY = N_("This is none of your recovery codes, or it was used before.")
TRY_ANOTHER = N_("Type another one. If you have none left, say on the first page what you lost.")
USED_UP = N_("This code was used a moment ago, and each works once.")
WAIT_FOR_NEXT = N_("Wait until the app shows the next one.")
GONE = N_("This way to sign in is yours no more.")
LOCKED_BY_YOU = N_("This way to sign in is locked: you locked it.")
USE_ANOTHER = N_("Use another one. Signed in with it, you can unlock this one.")
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


def submit_code(login: Login, request: Request) -> Response:
    """A code of an app, a card or for recovery, beside what this session has shown."""
    fields = web.form(request)
    web.check_csrf(request, fields)
    visit = Visit.of(request)
    session = login.session_to_prove(request)
    if session is None:
        return RedirectResponse(visit.errand.path(), 303)
    means = fields.get("means", "")
    try:
        signed_in = login.code_sign_in.prove(means, fields.get("code", ""), visit, session)
    except SignInRefused as refused:
        return step_up_form(login, request, session, _of_code(means, refused.reason))
    except TooManyRequests as full:
        page = step_up_form(login, request, session, too_many(full))
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
        cards=login.cards.issuers.used,
        csrf=web.csrf_token(request),
    )


def step_up_form(
    login: Login,
    request: Request,
    session: Session,
    mistakes: Mistakes | None = None,
) -> Response:
    """The page that asks for one more proof."""
    errand = Errand.parse(web.query(request))
    # Only what would do is offered. Who lost it asks for its removal, and waits.
    kinds = {credential.kind for credential in login.offers(session, errand)}
    return login.runtime.pages.render(
        request,
        "login/step_up.html",
        leads_back=True,
        mistakes=mistakes,
        errand=errand,
        kinds=kinds,
        number=login.code_sign_in.asked(session.subject) if CODE_CARD in kinds else None,
        csrf=web.csrf_token(request),
    )


def too_many(full: TooManyRequests) -> Mistakes:
    """How long to wait, for the page that stays."""
    wrong = Mistakes(full.status)
    wrong.add("", WAIT, values={"minutes": -(-full.retry_after // 60)})
    return wrong


def _of_code(means: str, reason: str) -> Mistakes:
    """Each kind's own sentence; all are said to who has shown another means already."""
    wrong = Mistakes()
    if reason == "suspended":
        wrong.add("", SUSPENDED, ASK_OFFICE)
    elif reason == LOCKED:
        wrong.add("", LOCKED_BY_YOU, USE_ANOTHER)
    elif means not in _WRONG:
        wrong.add("", GONE, ASK_OFFICE)
    elif reason == USED and means == TOTP:
        wrong.add(means, USED_UP, WAIT_FOR_NEXT)
    else:
        wrong.add(means, *_WRONG[means])
    return wrong


_WRONG = {
    TOTP: (WRONG_APP, LOOK_AT_CLOCK),
    CODE_CARD: (WRONG_CARD, LOOK_AT_NUMBER),
    RECOVERY_CODES: (WRONG_RECOVERY, TRY_ANOTHER),
}


def _mistakes(refused: SignInRefused, stepping_up: bool) -> Mistakes:
    wrong = Mistakes()
    if refused.reason == "suspended":
        wrong.add("", SUSPENDED, ASK_OFFICE)
    elif refused.reason == LOCKED:
        wrong.add("", LOCKED_BY_YOU, USE_ANOTHER)
    elif stepping_up:
        wrong.add("password", WRONG_PASSWORD)
    else:
        wrong.add("name", WRONG)
    return wrong
