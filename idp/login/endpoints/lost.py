"""The page for who lost how they sign in: what leads back — NIST SP 800-63B §6.1.2.3.

It answers the same for everybody, and in the same time: nobody learns from it who has an identity.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.errors import TooManyRequests
from foundation.pages import N_, Mistakes
from idp.login.endpoints.sign_in import too_many
from idp.login.login import Login
from idp.login.visit import Errand
from idp.register import Lost, RegisterSettings, WrongBirthDate

NO_NAME = N_("Write your sign-in name or your civil number.")
NO_DATE = N_("This is not a date. Write it in numbers, such as 21, 3 and 1987.")
_HERE, _ASKED = "/lost", "asked"


def show(login: Login, request: Request) -> Response:
    """What works for whom: another means, a letter, the registration office."""
    return _page(login, request, asked=web.query(request).get("done") == _ASKED)


def ask(login: Login, request: Request) -> Response:
    """A letter to the address in the register: kept, and looked at once this is answered."""
    fields = web.form(request)
    web.check_csrf(request, fields)
    mistakes, lost = Mistakes(), None
    if not fields.get("named", "").strip():
        mistakes.add("named", NO_NAME)
    try:
        lost = Lost.parse(fields)
    except WrongBirthDate:
        mistakes.add("year", NO_DATE)
    if mistakes or lost is None:
        return _page(login, request, mistakes, fields)
    now = login.runtime.clock.now()
    try:
        login.throttle.count_asked(web.client_network(request), now)
    except TooManyRequests as full:
        page = _page(login, request, too_many(full), fields)
        page.headers.update(full.headers)
        return page
    with login.runtime.database.write() as uow:
        login.directory.ask_way_back(uow, lost, now)
    there = Errand.parse(web.query(request)).path(_HERE)
    return RedirectResponse(f"{there}{'&' if '?' in there else '?'}done={_ASKED}", 303)


def _page(
    login: Login,
    request: Request,
    mistakes: Mistakes | None = None,
    typed: web.Form | None = None,
    asked: bool = False,
) -> Response:
    return login.runtime.pages.render(
        request,
        "login/lost.html",
        leads_back=True,
        mistakes=mistakes,
        typed=typed,
        errand=Errand.parse(web.query(request)),
        staff_only=login.staff_only,
        asked=asked,
        days=login.runtime.settings.of(RegisterSettings).recovery_days,
    )
