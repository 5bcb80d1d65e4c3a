"""The end-session endpoint — OpenID Connect RP-Initiated Logout 1.0."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from foundation.errors import BadRequest
from foundation.pages import WayBack
from idp.oauth.authorization_server import OAuth
from idp.oauth.signing_out import PARAMETERS, SignOutRequest
from idp.oauth.ways_back import home

HERE = "/oauth/end-session"


def end_session(oauth: OAuth, request: Request) -> Response:
    """Sign out at once if the hint proves this session; otherwise ask the person first."""
    parameters = web.form(request) if request.method == "POST" else web.query(request)
    if request.method == "POST" and web.is_from_elsewhere(request):
        # Our cookies stayed behind, so nobody seems to be there: they come with a GET.
        sent = {name: parameters[name] for name in PARAMETERS if parameters.get(name)}
        headers = {"Location": f"{HERE}?{urlencode(sent)}", "Cache-Control": "no-store"}
        return Response(status_code=303, headers=headers)
    asked = oauth.signing_out.understand(request, parameters, oauth.runtime.clock.now())
    if asked.sure or asked.nobody:
        return _signed_out(oauth, request, asked)
    return oauth.runtime.pages.render(
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
    asked = oauth.signing_out.understand(request, form, oauth.runtime.clock.now())
    answer = form.required("answer")
    if answer == "stay":
        return _page(oauth, request, asked, stayed=True)
    if answer != "sign-out":
        raise BadRequest("The answer must be sign-out or stay.", where="answer")
    return _signed_out(oauth, request, asked)


def _page(
    oauth: OAuth,
    request: Request,
    asked: SignOutRequest,
    *,
    stayed: bool,
    frames: Sequence[str] = (),
) -> Response:
    """Our own last page, with the way back to the service if it said who it is; it goes there by
    itself where the service asked for that."""
    client = asked.client
    way_back = None if client is None else WayBack(client.name, asked.location or home(client))
    return oauth.runtime.pages.render(
        request,
        "oauth/signed_out.html",
        stayed=stayed,
        way_back=way_back,
        goes_on=asked.location is not None and not stayed,
        frames=frames,
    )


def _signed_out(oauth: OAuth, request: Request, asked: SignOutRequest) -> Response:
    frames = () if asked.session_id is None else oauth.frames.of(asked.session_id)
    if asked.location is None or frames:
        response = _page(oauth, request, asked, stayed=False, frames=frames)
    else:
        headers = {"Location": asked.location, "Cache-Control": "no-store"}
        response = Response(status_code=303, headers=headers)
    if not asked.nobody:
        oauth.signs_out.sign_out(request, response)
    return response
