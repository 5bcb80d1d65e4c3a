"""The authorization endpoint — RFC 6749 §3.1, OpenID Connect Core §3.1.2."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from idp.oauth.authorization_server import OAuth
from idp.oauth.errors import UnusableRequest


def authorize(oauth: OAuth, request: Request) -> Response:
    """GET with a query, or POST with a form: the same request (§3.1.2.1)."""
    read = web.form if request.method == "POST" else web.query
    place = oauth.authorization.begin(request, read(request, error=UnusableRequest))
    return oauth.responses.response(request, place)


def come(oauth: OAuth, request: Request) -> Response:
    """Where the browser comes with its cookies after another site posted the request."""
    handle = web.query(request).required("transaction")
    return oauth.responses.response(request, oauth.authorization.come(request, handle))


def resume(oauth: OAuth, request: Request) -> Response:
    """Where sign-in brings the browser back to."""
    handle = web.query(request).required("transaction")
    return oauth.responses.response(request, oauth.authorization.resume(request, handle))


def cancel(oauth: OAuth, request: Request) -> Response:
    """The way back to the service for a person who gives up (§3.1.2.6: access_denied)."""
    handle = web.query(request).required("transaction")
    return oauth.responses.response(request, oauth.authorization.cancel(request, handle))
