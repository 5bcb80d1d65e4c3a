"""Which pages of other origins may read the answers of this server — Fetch Standard §3.2 (CORS).

Pages of registered clients, at the endpoints that a browser client needs; everybody's, at metadata
and keys. What is said with each answer is said by the gate, so that refusals can be read too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from idp.oauth.authorization_server import OAuth

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    # The wildcard does not stand for Authorization (Fetch §3.2.4).
    "Access-Control-Allow-Headers": "authorization, content-type, *",
    "Access-Control-Max-Age": "600",
}


def preflight(oauth: OAuth, request: Request) -> Response:
    """The browser's question before a request that a form could not have sent."""
    return Response(status_code=204, headers=_PREFLIGHT)
