"""Which pages of other origins may read an answer — Fetch Standard §3.2 (CORS).

Only pages of registered clients, only endpoints that a browser client needs, never with cookies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from idp.oauth.wing import OAuth


def readable(oauth: OAuth, request: Request, response: Response) -> Response:
    """`response`, readable by the page that asked if it belongs to a public client."""
    response.headers["Vary"] = "Origin"
    origin = request.headers.get("origin")
    if origin is not None and oauth.is_client_origin(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
    return response


def public(response: Response) -> Response:
    """A document that anybody may read from anywhere: metadata and keys."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


def preflight(oauth: OAuth, request: Request) -> Response:
    """The browser's question before a request with an Authorization header."""
    response = readable(oauth, request, Response(status_code=204))
    if "Access-Control-Allow-Origin" in response.headers:
        response.headers["Access-Control-Allow-Methods"] = "GET, POST"
        response.headers["Access-Control-Allow-Headers"] = "authorization, content-type"
        response.headers["Access-Control-Max-Age"] = "600"
    return response
