"""The token endpoint — RFC 6749 §3.2."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from foundation import web
from idp.oauth.authorization_server import OAuth
from idp.oauth.errors import InvalidRequest

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def token(oauth: OAuth, request: Request) -> Response:
    """A token response, never stored by anybody on the way (§5.1)."""
    form = web.form(request, error=InvalidRequest)
    if request.url.query:
        raise InvalidRequest("Send parameters in the body, not in the query (RFC 6749 §3.2).")
    body = oauth.pipeline.run(request, form)
    more = oauth.proofs.headers(request, oauth.runtime.clock.now())
    return JSONResponse(body, headers={**NO_STORE, **more})
