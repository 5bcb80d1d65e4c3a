"""Sign-out from here, and from what rests on this session — OpenID Connect RP-Initiated Logout."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from idp.login.login import Login

_DONE = "/signed-out"


def submit(login: Login, request: Request) -> Response:
    """End the session; a form of ours only, so that no other site can do it."""
    web.check_csrf(request, web.form(request))
    response = RedirectResponse(_DONE, 303)
    login.sign_out(request, response)
    return response


def show(login: Login, request: Request) -> Response:
    """The page after sign-out."""
    return login.ground.pages.render(request, "login/signed_out.html")
