"""The end-session endpoint — OpenID Connect RP-Initiated Logout 1.0."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from foundation.errors import BadRequest
from idp.oauth.signing_out import PARAMETERS, SignOutRequest
from idp.oauth.wing import OAuth


def end_session(oauth: OAuth, request: Request) -> Response:
    """Sign out at once if the hint proves this session; otherwise ask the person first."""
    parameters = web.form(request) if request.method == "POST" else web.query(request)
    asked = oauth.signing_out.understand(request, parameters, oauth.ground.clock.now())
    if asked.sure or asked.nobody:
        return _signed_out(oauth, request, asked)
    return oauth.ground.pages.render(
        request,
        "oauth/end_session.html",
        leads_back=True,
        service=None if asked.client is None else asked.client.name,
        parameters={name: parameters[name] for name in PARAMETERS if parameters.get(name)},
    )


def confirm(oauth: OAuth, request: Request) -> Response:
    """The person's answer to "sign out here as well?"."""
    form = web.form(request)
    web.check_csrf(request, form)
    asked = oauth.signing_out.understand(request, form, oauth.ground.clock.now())
    answer = form.required("answer")
    if answer == "stay":
        return oauth.ground.pages.render(request, "oauth/signed_out.html", stayed=True)
    if answer != "sign-out":
        raise BadRequest("The answer must be sign-out or stay.", where="answer")
    return _signed_out(oauth, request, asked)


def _signed_out(oauth: OAuth, request: Request, asked: SignOutRequest) -> Response:
    if asked.location is None:
        response = oauth.ground.pages.render(request, "oauth/signed_out.html", stayed=False)
    else:
        headers = {"Location": asked.location, "Cache-Control": "no-store"}
        response = Response(status_code=303, headers=headers)
    if not asked.nobody:
        oauth.signs_out.sign_out(request, response)
    return response
