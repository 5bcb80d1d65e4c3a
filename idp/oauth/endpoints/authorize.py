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
    return _go(oauth.authorization.begin(request, read(request, error=UnusableRequest)))


def come(oauth: OAuth, request: Request) -> Response:
    """Where the browser comes with its cookies after another site posted the request."""
    handle = web.query(request).required("transaction")
    return _go(oauth.authorization.come(request, handle))


def resume(oauth: OAuth, request: Request) -> Response:
    """Where sign-in brings the browser back to."""
    handle = web.query(request).required("transaction")
    return _go(oauth.authorization.resume(request, handle))


def cancel(oauth: OAuth, request: Request) -> Response:
    """The way back to the service for a person who gives up (§3.1.2.6: access_denied)."""
    handle = web.query(request).required("transaction")
    return _go(oauth.authorization.cancel(request, handle))


def _go(location: str) -> Response:
    return Response(status_code=303, headers={"Location": location, "Cache-Control": "no-store"})
