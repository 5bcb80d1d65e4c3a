"""Authenticator app, code card and recovery codes in the account — RFC 6238, CM-3, CM-6, CM-9.

Codes are shown in the answer to the form that made them, and never again.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation.errors import TooManyRequests
from foundation.pages import Mistakes
from idp.login import Printed, ProveAgain, WrongCode, too_many
from idp.portal.ports import Account


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for "extract, do not translate yet"
    return message


NOT_SHOWN = N_("This is not the code that the app shows for this key.")
LOOK = N_("Type the newest one. If it goes on, set the clock of the telephone by itself.")
NOT_ON_CARD = N_("This is not the code of that number on the new card.")
LOOK_AT_CARD = N_(
    "Look at the number that is asked for. If you printed twice, take the later card."
)
_UNSEEN = {"Cache-Control": "no-store"}


def begin_app(account: Account, request: Request) -> Response:
    """A key for a new app; on to the page that shows it."""
    session = account.session(request)
    account.posted(request)
    try:
        account.login.codes.begin_app(session)
    except ProveAgain:
        return RedirectResponse(_again(account), 303)
    return RedirectResponse(f"{_here(account)}/app", 303)


def show_app(account: Account, request: Request) -> Response:
    """The key as a picture and as text, and the field for its first code."""
    return _app_page(account, request)


def confirm_app(account: Account, request: Request) -> Response:
    """Its first code: from now on the app counts."""
    session = account.session(request)
    person_id, form = account.posted(request)
    mistakes = Mistakes()
    try:
        account.login.codes.confirm_app(session, form.get("code", ""))
    except ProveAgain:
        return RedirectResponse(_again(account), 303)
    except WrongCode:
        mistakes.add("code", NOT_SHOWN, LOOK)
        return _app_page(account, request, mistakes)
    except TooManyRequests as full:
        return _app_page(account, request, too_many(full))
    return RedirectResponse(account.after_change(person_id, f"{_here(account)}?done=app"), 303)


def print_card(account: Account, request: Request) -> Response:
    """A new card: its codes, this once."""
    session = account.session(request)
    account.posted(request)
    try:
        printed = account.login.codes.print_card(session)
    except ProveAgain:
        return RedirectResponse(_again(account), 303)
    return _card_page(account, request, printed=printed)


def show_card(account: Account, request: Request) -> Response:
    """The page that asks for a code of a card that was printed."""
    return _card_page(account, request)


def activate_card(account: Account, request: Request) -> Response:
    """One of its codes: from now on the card counts, and the one before ends."""
    session = account.session(request)
    person_id, form = account.posted(request)
    mistakes = Mistakes()
    try:
        account.login.codes.activate_card(session, form.get("code", ""))
    except ProveAgain:
        return RedirectResponse(_again(account), 303)
    except WrongCode:
        mistakes.add("code", NOT_ON_CARD, LOOK_AT_CARD)
        return _card_page(account, request, mistakes)
    except TooManyRequests as full:
        return _card_page(account, request, too_many(full))
    return RedirectResponse(account.after_change(person_id, f"{_here(account)}?done=card"), 303)


def new_recovery_codes(account: Account, request: Request) -> Response:
    """A dozen, this once; those of before end."""
    session = account.session(request)
    account.posted(request)
    try:
        printed = account.login.codes.new_recovery_codes(session)
    except ProveAgain:
        return RedirectResponse(_again(account), 303)
    page = account.runtime.pages.render(
        request, "portal/recovery_codes.html", base=account.base, codes=printed.codes
    )
    page.headers.update(_UNSEEN)
    return page


def _app_page(account: Account, request: Request, mistakes: Mistakes | None = None) -> Response:
    try:
        app = account.login.codes.new_app(account.session(request))
    except ProveAgain:
        return RedirectResponse(_again(account), 303)
    if app is None:
        return RedirectResponse(_here(account), 303)
    page = account.runtime.pages.render(
        request, "portal/app.html", base=account.base, mistakes=mistakes, app=app
    )
    page.headers.update(_UNSEEN)
    return page


def _card_page(
    account: Account,
    request: Request,
    mistakes: Mistakes | None = None,
    printed: Printed | None = None,
) -> Response:
    subject = account.session(request).subject
    waiting = account.login.codes.waiting_card(subject)
    if waiting is None:
        return RedirectResponse(_here(account), 303)
    page = account.runtime.pages.render(
        request,
        "portal/card.html",
        base=account.base,
        mistakes=mistakes,
        codes=printed.codes if printed is not None else (),
        number=waiting[0],
        until=waiting[1],
        made_at=account.runtime.clock.now(),
        replaces=account.login.codes.left_of_card(subject) is not None,
    )
    page.headers.update(_UNSEEN)
    return page


def _here(account: Account) -> str:
    return f"{account.base}/credentials"


def _again(account: Account) -> str:
    return f"/sign-in?return_to={_here(account)}&strongest=1"
