"""The pushed authorization request endpoint — RFC 9126 §2."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from foundation import web
from idp.oauth.authorization_server import OAuth
from idp.oauth.endpoints.token import NO_STORE
from idp.oauth.errors import InvalidRequest


def push(oauth: OAuth, request: Request) -> Response:
    """201 with the URI of the request (§2.2)."""
    form = web.form(request, error=InvalidRequest)
    if request.url.query:
        raise InvalidRequest("Send parameters in the body, not in the query (RFC 9126 §2.1).")
    pushed = oauth.pushing.push(request, form)
    body = {"request_uri": pushed.request_uri, "expires_in": pushed.expires_in}
    more = oauth.proofs.headers(request, oauth.runtime.clock.now())
    return JSONResponse(body, status_code=201, headers={**NO_STORE, **more})
