"""Token introspection, for those whom the token concerns, signed if asked — RFC 7662, RFC 9701."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from foundation import web
from idp.oauth.active_tokens import ActiveToken
from idp.oauth.authorization_server import OAuth
from idp.oauth.client import Client
from idp.oauth.errors import InvalidRequest
from idp.oauth.tokens import id_token, jws
from idp.oauth.tokens.jws import NotOurs

INACTIVE: dict[str, Any] = {"active": False}
SIGNED = "application/token-introspection+jwt"
NO_STORE = {"Cache-Control": "no-store"}


def introspect(oauth: OAuth, request: Request) -> Response:
    """What a live token says, to its client or to the resource that it is for.

    Everybody else, and every dead token, gets the same `{"active": false}` (§2.2).
    """
    form = web.form(request, error=InvalidRequest)
    now = oauth.runtime.clock.now()
    caller = oauth.authenticator.authenticate(request, form, now, public=False).client
    value = form.required("token", InvalidRequest)
    said = _said(oauth, value, caller, now)
    if SIGNED in request.headers.get("accept", ""):
        return _signed(oauth, said, caller, now)
    return JSONResponse(said, headers=NO_STORE)


def _said(oauth: OAuth, value: str, caller: Client, now: datetime) -> dict[str, Any]:
    try:
        found = oauth.active_tokens.find(value, now)
    except NotOurs:
        return INACTIVE
    concerned = found.token.client_id == caller.id or _is_for(found, caller)
    return _claims(found) if concerned else INACTIVE


def _signed(oauth: OAuth, said: dict[str, Any], caller: Client, now: datetime) -> Response:
    """RFC 9701 §5: for this caller, and of no use as an access token."""
    claims = {
        "iss": oauth.issuer,
        "aud": caller.id,
        "iat": int(now.timestamp()),
        "token_introspection": said,
    }
    use = id_token.USES[caller.signs_responses_by]
    token = jws.sign(oauth.runtime.keys, use, "token-introspection+jwt", claims)
    return Response(token, media_type=SIGNED, headers=NO_STORE)


def _is_for(found: ActiveToken, caller: Client) -> bool:
    return caller.resource is not None and caller.resource == found.token.audience


def _claims(found: ActiveToken) -> dict[str, Any]:
    claims = found.token.claims()
    # The reference of the grant is between this server and its tokens.
    claims.pop("gid", None)
    return {"active": True, "token_type": found.token.type, **claims}
