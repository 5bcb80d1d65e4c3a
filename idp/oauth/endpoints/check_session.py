"""The frame that services ask whether somebody is still signed in — OpenID Connect Session
Management 1.0 §3.2."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from foundation import web
from idp.oauth.authorization_server import OAuth

HERE = "/oauth/check-session"
_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors *"
)
"""Everybody may show it: there is nothing to see or to press, and what it answers depends on the
origin that asks."""


def frame(oauth: OAuth, request: Request) -> Response:
    """The page, for a frame in a page of a service."""
    page = oauth.runtime.pages.render(request, "oauth/check_session.html")
    page.headers["Content-Security-Policy"] = _POLICY
    return page


def state(oauth: OAuth, request: Request) -> Response:
    """What the page says to who asked it; `origin` is that of who asked, by the browser's word."""
    asked = web.query(request)
    named = asked.get("client_id"), asked.get("origin"), asked.get("session_state")
    client_id, origin, said = (value or "" for value in named)
    answer = oauth.session_states.now(request, client_id, origin, said)
    return PlainTextResponse(answer, headers={"Cache-Control": "no-store"})
