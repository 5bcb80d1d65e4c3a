"""The first page: what this is, or where one stands — WCAG 2.2."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.runtime import Runtime
from idp.portal.staff_account import StaffAccount


def home(runtime: Runtime, request: Request) -> Response:
    """Public; who is signed in goes to where their work is."""
    visitor = web.principal(request)
    if visitor is None or visitor.kind not in ("citizen", "staff"):
        return runtime.pages.render(request, "portal/home.html")
    if visitor.kind == "citizen":
        return RedirectResponse("/account", 303)
    places = [p.href for p in runtime.pages.places if p.is_for(visitor)]
    return RedirectResponse(places[0] if len(places) < 3 else StaffAccount.base, 303)
