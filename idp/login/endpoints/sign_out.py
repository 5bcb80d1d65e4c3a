"""Sign-out from here, and from what rests on this session — OpenID Connect RP-Initiated Logout."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.pages import errand_of
from idp.login.login import Login
from idp.login.visit import Errand

DONE = "/signed-out"


def submit(login: Login, request: Request) -> Response:
    """End the session; a form of ours only, so that no other site can do it."""
    form = web.form(request)
    web.check_csrf(request, form)
    left = errand_of(form.get("return_to"))
    response = RedirectResponse(web.after_sign_out(request, Errand(return_to=left).path(DONE)), 303)
    login.sign_out(request, response)
    return response


def show(login: Login, request: Request) -> Response:
    """The page after sign-out; with the way back to the service that somebody was on to."""
    way_back = request.scope["civitas"].way_back(request, None)
    errand = Errand.parse(request.query_params)
    again = replace(errand, leave_to="") if way_back else Errand()
    return login.runtime.pages.render(
        request,
        "login/signed_out.html",
        way_back=way_back,
        again=again.path(),
        frames=request.scope["civitas"].frames(request),
    )
