"""Streams of events for services, by their own tokens — Shared Signals Framework 1.0 §7, §8."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from foundation import web
from idp.oauth import bearer
from idp.oauth.authorization_server import OAuth
from idp.oauth.client import SIGNALS_MANAGE, SIGNALS_READ, Client
from idp.oauth.endpoints.token import NO_STORE
from idp.oauth.errors import InsufficientScope, InvalidToken
from idp.oauth.signals.streams import POLL, PUSH

STREAM, STATUS, VERIFY = "/ssf/stream", "/ssf/status", "/ssf/verify"


def metadata(oauth: OAuth, request: Request) -> Response:
    """What a receiver finds us by (§7.1)."""
    place = oauth.issuer
    return JSONResponse(
        {
            "spec_version": "1_0",
            "issuer": place,
            "jwks_uri": f"{place}/oauth/jwks",
            "delivery_methods_supported": [PUSH, POLL],
            "configuration_endpoint": place + STREAM,
            "status_endpoint": place + STATUS,
            "verification_endpoint": place + VERIFY,
            "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:6749"}],
            "default_subjects": "ALL",
        }
    )


def create(oauth: OAuth, request: Request) -> Response:
    client = _caller(oauth, request, SIGNALS_MANAGE)
    made = oauth.streams.create(client, web.json_object(request), oauth.runtime.clock.now())
    return _said(oauth.streams.configuration(made), 201)


def read(oauth: OAuth, request: Request) -> Response:
    """One by its id; without, the list of all, which has one at most (§8.1.1.2)."""
    client = _caller(oauth, request, SIGNALS_READ, SIGNALS_MANAGE)
    wanted = web.query(request).get("stream_id")
    if wanted is not None:
        return _said(oauth.streams.configuration(oauth.streams.of(client, wanted)))
    found = oauth.streams.any_of(client)
    return _said([] if found is None else [oauth.streams.configuration(found)])


def update(oauth: OAuth, request: Request) -> Response:
    client = _caller(oauth, request, SIGNALS_MANAGE)
    made = oauth.streams.change(client, web.json_object(request), whole=False)
    return _said(oauth.streams.configuration(made))


def put(oauth: OAuth, request: Request) -> Response:
    client = _caller(oauth, request, SIGNALS_MANAGE)
    made = oauth.streams.change(client, web.json_object(request), whole=True)
    return _said(oauth.streams.configuration(made))


def remove(oauth: OAuth, request: Request) -> Response:
    client = _caller(oauth, request, SIGNALS_MANAGE)
    oauth.streams.remove(client, web.query(request).required("stream_id"))
    return Response(status_code=204, headers=NO_STORE)


def status(oauth: OAuth, request: Request) -> Response:
    client = _caller(oauth, request, SIGNALS_READ, SIGNALS_MANAGE)
    found = oauth.streams.of(client, web.query(request).required("stream_id"))
    return _said({"stream_id": found.id, "status": found.status})


def set_status(oauth: OAuth, request: Request) -> Response:
    client = _caller(oauth, request, SIGNALS_MANAGE)
    made = oauth.streams.set_status(client, web.json_object(request))
    return _said({"stream_id": made.id, "status": made.status})


def verify(oauth: OAuth, request: Request) -> Response:
    client = _caller(oauth, request, SIGNALS_MANAGE)
    oauth.streams.verify(client, web.json_object(request), oauth.runtime.clock.now())
    return Response(status_code=204, headers=NO_STORE)


def poll(oauth: OAuth, request: Request) -> Response:
    """RFC 8936 §2.4."""
    client = _caller(oauth, request, SIGNALS_READ, SIGNALS_MANAGE)
    return _said(oauth.streams.poll(client, web.json_object(request)))


def _caller(oauth: OAuth, request: Request, *scopes: str) -> Client:
    """The service that calls with its own token."""
    now = oauth.runtime.clock.now()
    found = oauth.bearers.active(request, bearer.required(bearer.read(request)), now)
    if found.token.audience != oauth.issuer or found.grant is not None:
        raise InvalidToken("The token is for another resource, or a person's.")
    if not set(scopes) & set(found.token.scope):
        raise InsufficientScope(f"Streams need a token with the scope {scopes[-1]}.")
    client = oauth.clients.find(found.token.client_id, now)
    if client is None or not client.active:
        raise InvalidToken("The service of this token is not served any more.")
    return client


def _said(body: Any, status: int = 200) -> Response:
    return JSONResponse(body, status, headers=NO_STORE)
