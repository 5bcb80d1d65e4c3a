"""Token introspection, for those whom the token concerns — RFC 7662."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from foundation import web
from idp.oauth.active_tokens import ActiveToken
from idp.oauth.authorization_server import OAuth
from idp.oauth.client import Client
from idp.oauth.errors import InvalidRequest
from idp.oauth.tokens.jws import NotOurs

INACTIVE = {"active": False}
NO_STORE = {"Cache-Control": "no-store"}


def introspect(oauth: OAuth, request: Request) -> Response:
    """What a live token says, to its client or to the resource that it is for.

    Everybody else, and every dead token, gets the same `{"active": false}` (§2.2).
    """
    form = web.form(request, error=InvalidRequest)
    now = oauth.runtime.clock.now()
    caller = oauth.authenticator.authenticate(request, form, now, public=False).client
    value = form.required("token", InvalidRequest)
    try:
        found = oauth.active_tokens.find(value, now)
    except NotOurs:
        return JSONResponse(INACTIVE, headers=NO_STORE)
    concerned = found.token.client_id == caller.id or _is_for(found, caller)
    return JSONResponse(_claims(found) if concerned else INACTIVE, headers=NO_STORE)


def _is_for(found: ActiveToken, caller: Client) -> bool:
    return caller.resource is not None and caller.resource == found.token.audience


def _claims(found: ActiveToken) -> dict[str, Any]:
    claims = found.token.claims()
    # The reference of the grant is between this server and its tokens.
    claims.pop("gid", None)
    return {"active": True, "token_type": found.token.type, **claims}
