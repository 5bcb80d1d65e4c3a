"""The resident's number in their account, and the Virtual ID that they alone make and end."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation.errors import TooManyRequests
from foundation.pages import Mistakes
from idp.login import too_many
from idp.portal.portal import Portal

HERE = "/account/number"


def show(portal: Portal, request: Request) -> Response:
    """Both, for their owner."""
    return _page(portal, request)


def make_virtual(portal: Portal, request: Request) -> Response:
    """A new Virtual ID; the one before ends at once."""
    person_id, _ = portal.posted(request)
    now = portal.runtime.clock.now()
    try:
        with portal.runtime.database.write() as uow:
            portal.register.numbers.allot(uow, person_id, now)
            portal.register.numbers.make_virtual(uow, person_id, now)
    except TooManyRequests as full:
        page = _page(portal, request, too_many(full))
        page.headers.update(full.headers)
        return page
    return RedirectResponse(f"{HERE}?done=made", 303)


def end_virtual(portal: Portal, request: Request) -> Response:
    """Its owner wants none any more."""
    person_id, _ = portal.posted(request)
    with portal.runtime.database.write() as uow:
        portal.register.numbers.end_virtual(uow, person_id, portal.runtime.clock.now())
    return RedirectResponse(f"{HERE}?done=ended", 303)


def _page(portal: Portal, request: Request, mistakes: Mistakes | None = None) -> Response:
    person_id = portal.citizen(request)
    with portal.runtime.database.read() as uow:
        shown = portal.register.numbers.shown(uow, person_id)
    page = portal.runtime.pages.render(
        request,
        "portal/number.html",
        mistakes=mistakes,
        used=portal.register.numbers.used,
        number=shown.get("number", ""),
        virtual=shown.get("virtual", ""),
        done=request.query_params.get("done", ""),
    )
    page.headers["Cache-Control"] = "no-store"
    return page
