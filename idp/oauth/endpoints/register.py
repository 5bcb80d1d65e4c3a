"""The registration endpoint, and the registrations behind it — RFC 7591 §3, RFC 7592 §2."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from idp.oauth.authorization_server import OAuth
from idp.oauth.dynamic.registering import told
from idp.oauth.endpoints.token import NO_STORE


def register(oauth: OAuth, request: Request) -> Response:
    """201 with what is registered (RFC 7591 §3.2.1)."""
    made = oauth.registering.register(request)
    return JSONResponse(told(made, oauth.issuer), status_code=201, headers=NO_STORE)


def read(oauth: OAuth, request: Request) -> Response:
    """RFC 7592 §2.1."""
    found = oauth.registering.read(request, request.path_params["client_id"])
    return JSONResponse(told(found, oauth.issuer), headers=NO_STORE)


def update(oauth: OAuth, request: Request) -> Response:
    """RFC 7592 §2.2: with another registration access token."""
    changed = oauth.registering.update(request, request.path_params["client_id"])
    return JSONResponse(told(changed, oauth.issuer), headers=NO_STORE)


def delete(oauth: OAuth, request: Request) -> Response:
    """RFC 7592 §2.3."""
    oauth.registering.delete(request, request.path_params["client_id"])
    return Response(status_code=204, headers=NO_STORE)
