"""Activation pages: the code, the choices, the passkey — ISO/IEC 29115 CM-5, CM-6.

The errand of the sign-in page goes along: who came from a service goes back to its request.
"""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import opaque, web
from foundation.errors import Forbidden, Gone, TooManyRequests
from foundation.pages import N_, Mistakes
from idp.login.activation import ChoiceRefused
from idp.login.directory import Invited
from idp.login.endpoints.sign_in import too_many
from idp.login.establishing import SignedIn, SignInRefused
from idp.login.login import SET_UP_PASSKEY, Login
from idp.login.visit import Errand, Visit
from idp.register import CODE_LENGTH, CodeRefused, InvitationRefused, characters_of_code

SET_UP, MOST_SET_UPS = "set-up", 4


NOTHING = N_("This code no longer works.")
COMPARE = N_(
    "Compare it with your letter. If it was used or has expired, ask the registration office for "
    "a new one."
)
OTHER_LENGTH = N_("A code has %(length)s letters and digits; you typed %(typed)s.")
MEND = N_("Look at your letter again, and type what is missing or leave out what is too much.")
TOO_MANY_NAMES = N_(
    "You have tried too many names that others have. Wait %(hours)s h; your code stays good."
)
_CHOOSE = "/activate/set-up"


def show(login: Login, request: Request) -> Response:
    """The page that asks for the code of the letter."""
    return _code_page(login, request)


def submit(login: Login, request: Request) -> Response:
    """The code: when it opens something, on to the choices."""
    fields = web.form(request)
    web.check_csrf(request, fields)
    visit = Visit.of(request)
    code = fields.get("code", "")
    if (typed := characters_of_code(code)) != CODE_LENGTH:
        # A slip of the finger and no guess: it is not counted, and what was typed stays.
        wrong = Mistakes()
        wrong.add("code", OTHER_LENGTH, MEND, {"length": CODE_LENGTH, "typed": typed})
        return _code_page(login, request, wrong, fields)
    try:
        cookie = login.activation.open("citizen", code, visit)
    except CodeRefused:
        return _code_page(login, request, _nothing(), fields)
    except TooManyRequests as full:
        page = _code_page(login, request, too_many(full), fields)
        page.headers.update(full.headers)
        return page
    return _to_choices(request, cookie, visit.errand)


def invited(login: Login, request: Request) -> Response:
    """A member of staff who follows their one-time link; raises InvitationRefused."""
    code = request.path_params["secret"]
    visit = Visit.of(request)
    return _to_choices(request, login.activation.open("staff", code, visit), visit.errand)


def show_choices(login: Login, request: Request) -> Response:
    """The page on which a sign-in name and a password are chosen."""
    visit = Visit.of(request)
    opened = login.activation.opened(_cookie(request, visit.errand), visit)
    if opened is None:
        return _start_again(login, visit.errand)
    set_up, who = opened
    return _choices_page(login, request, who, staff=set_up.kind == "staff")


def choose(login: Login, request: Request) -> Response:
    """The choices: with them the code is used up and the identity is active."""
    fields = web.form(request)
    web.check_csrf(request, fields)
    visit = Visit.of(request)
    opened = login.activation.opened(_cookie(request, visit.errand), visit)
    if opened is None:
        return _sent_twice(login, request, visit, fields) or _start_again(login, visit.errand)
    set_up, who = opened
    staff = set_up.kind == "staff"
    try:
        signed_in = login.activation.complete(
            set_up,
            who,
            fields.get("name", ""),
            fields.get("password", ""),
            fields.get("repeated", ""),
            visit,
            login.session(request),
            fields.get("own_number", ""),
        )
    except ChoiceRefused as refused:
        return _choices_page(login, request, who, staff, fields, refused.mistakes)
    except TooManyRequests as full:
        waiting = Mistakes(full.status)
        waiting.add("name", TOO_MANY_NAMES, values={"hours": -(-full.retry_after // 3600)})
        page = _choices_page(login, request, who, staff, fields, waiting)
        page.headers.update(full.headers)
        return page
    except (CodeRefused, InvitationRefused):
        twice = _sent_twice(login, request, visit, fields)
        return twice or _code_page(login, request, _nothing())
    return _activated(login, request, visit.errand, signed_in)


def _activated(login: Login, request: Request, errand: Errand, signed_in: SignedIn) -> Response:
    onward = RedirectResponse(replace(errand, set_up="").path(SET_UP_PASSKEY), 303)
    response = login.keep(onward, request, signed_in)
    web.delete_cookie(response, request, _name(errand))
    return response


def _sent_twice(login: Login, request: Request, visit: Visit, fields: web.Form) -> Response | None:
    """The same choices, sent once more before the first answer came: what they chose signs them
    in, and leads to the same place; None for anything else."""
    if not login.activation.was_opened(_cookie(request, visit.errand), visit):
        return None
    name, chosen = fields.get("name", ""), fields.get("password", "")
    try:
        signed_in = login.sign_in.by_password(name, chosen, visit, login.session_to_prove(request))
    except (SignInRefused, TooManyRequests):
        return None
    with login.runtime.database.write() as uow:
        now = login.runtime.clock.now()
        login.sessions.carry_activation(uow, signed_in.session, now)
    return _activated(login, request, visit.errand, signed_in)


def _cookie(request: Request, errand: Errand) -> str | None:
    """The set-up of this tab."""
    return web.cookie(request, _name(errand))


def _name(errand: Errand) -> str:
    return f"{SET_UP}-{errand.set_up}" if errand.set_up else SET_UP


def offer_passkey(login: Login, request: Request) -> Response:
    """The page that offers a passkey, once somebody is signed in; staff cannot leave it out.

    Later than the set-up, a password is no proof on which staff could bind what opens their work.
    """
    errand = Errand.parse(web.query(request))
    session = login.session(request)
    if session is None:
        return RedirectResponse(errand.path(), 303)
    needed = login.lacks_passkey(session)
    if needed and not login.management.at_activation(session):
        raise Forbidden(
            N_("Your work here needs a passkey, and you have none."),
            next_step=N_("Ask for a new invitation, and add a passkey when you follow it."),
        )
    return login.runtime.pages.render(
        request,
        "login/offer_passkey.html",
        onward=login.next_path(session, errand),
        needed=needed,
        csrf=web.csrf_token(request),
    )


def _start_again(login: Login, errand: Errand) -> Response:
    errand = replace(errand, set_up="")
    return RedirectResponse(errand.path("/sign-in" if login.staff_only else "/activate"), 303)


def _to_choices(request: Request, cookie: str, errand: Errand) -> Response:
    # What another tab has under way in this browser stays its own.
    others = web.family(request, SET_UP)
    errand = replace(errand, set_up=opaque.secret(6) if others else "")
    response = RedirectResponse(errand.path(_CHOOSE), 303)
    web.delete_surplus(response, request, SET_UP, MOST_SET_UPS - 1)
    web.set_cookie(response, request, _name(errand), cookie)
    return response


def _code_page(
    login: Login,
    request: Request,
    mistakes: Mistakes | None = None,
    typed: web.Form | None = None,
) -> Response:
    return login.runtime.pages.render(
        request,
        "login/activate.html",
        leads_back=True,
        mistakes=mistakes,
        typed=typed,
        errand=Errand.parse(web.query(request)),
    )


def _nothing() -> Mistakes:
    wrong = Mistakes(Gone.status)
    wrong.add("code", NOTHING, COMPARE)
    return wrong


def _choices_page(
    login: Login,
    request: Request,
    who: Invited,
    staff: bool,
    typed: web.Form | None = None,
    mistakes: Mistakes | None = None,
) -> Response:
    return login.runtime.pages.render(
        request,
        "login/choices.html",
        leads_back=True,
        mistakes=mistakes,
        typed=typed,
        errand=Errand.parse(web.query(request)),
        greeting=who.greeting,
        recovers=who.recovers,
        name=who.name,
        staff=staff,
        ask_own_number=who.acts_on_persons and not login.staff_only,
        minimum=login.settings.password_minimum,
    )
