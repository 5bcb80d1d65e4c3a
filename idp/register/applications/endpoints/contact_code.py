"""The code that was sent to an applicant's e-mail address, typed back — 29115 EN-5."""

from __future__ import annotations

from datetime import datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.errors import TooManyRequests
from foundation.pages import N_, Mistakes
from idp.register.applications.application import REACH, WAY, Application
from idp.register.applications.endpoints.page import draft, path_of, posted, render, written
from idp.register.applications.online import OnlineApplications

HERE = "/apply/contact"
WRONG = N_("This is not the code of the last e-mail.")
LOOK = N_("Look for the newest message from us, also among unwanted mail.")
OVER = N_("This code no longer works.")
AGAIN = N_("Send another one to the address.")
TOO_MANY = N_("This address has got enough codes for today.")
GO_ON = N_("Go on without: the office can ask you for it later.")


def send_code(
    online: OnlineApplications, request: Request, found: Application, now: datetime
) -> str:
    """Send one, unless the address has answered already, none was given, or one is on its way; and
    where to go on."""
    parts, _ = written(online, found)
    reach = parts.get(REACH, {})
    address = reach.get("email", "")
    if not address or not online.contacts.by_mail or online.contacts.is_of(found, address):
        return path_of(WAY)
    with online.runtime.database.read() as uow:
        waits = online.contacts.waits(uow, found, address, now)
    if not waits:
        try:
            source = web.client_network(request)
            online.contacts.send(found, address, reach.get("locale", ""), source, now)
        except TooManyRequests:
            return f"{HERE}?done=many"
    return HERE


def show(online: OnlineApplications, request: Request) -> Response:
    """The page that asks for the code."""
    found = draft(online, request, online.runtime.clock.now())
    mistakes = Mistakes(200)
    if web.query(request).get("done") == "many":
        mistakes.add("code", TOO_MANY, GO_ON)
    return _page(online, request, found, mistakes)


def confirm(online: OnlineApplications, request: Request) -> Response:
    """The code, or the wish for another one."""
    form, now = posted(request), online.runtime.clock.now()
    found = draft(online, request, now)
    parts, _ = written(online, found)
    reach = parts.get(REACH, {})
    address, mistakes = reach.get("email", ""), Mistakes()
    if online.contacts.is_of(found, address):
        return RedirectResponse(path_of(WAY), 303)
    if not address or not online.contacts.by_mail:
        return RedirectResponse(path_of(REACH), 303)
    try:
        if form.get("do") == "again":
            source = web.client_network(request)
            online.contacts.send(found, address, reach.get("locale", ""), source, now)
            return RedirectResponse(f"{HERE}?done=again", 303)
        if online.contacts.confirm(found, address, form.get("code", "")[:64], now):
            return RedirectResponse(path_of(WAY), 303)
        mistakes.add("code", WRONG, LOOK)
    except TooManyRequests as full:
        mistakes = Mistakes(full.status)
        again = form.get("do") == "again"
        mistakes.add("code", TOO_MANY if again else OVER, GO_ON if again else AGAIN)
    return _page(online, request, found, mistakes)


def _page(
    online: OnlineApplications, request: Request, found: Application, mistakes: Mistakes
) -> Response:
    parts, _ = written(online, found)
    return render(
        online,
        request,
        "contact.html",
        found,
        REACH,
        mistakes,
        address=parts.get(REACH, {}).get("email", ""),
        minutes=online.settings.code_minutes,
        again=web.query(request).get("done") == "again",
    )
