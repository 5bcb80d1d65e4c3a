"""A service as Authlib's page on its Starlette client shows it.

What `civitas clients add --for authlib` printed is `app.py` in the folder where it runs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

sys.path.insert(0, str(Path.cwd()))
from app import oauth

url = sys.argv[1]
tokens: dict[str, Any] = {}  # the test has one visitor


async def login(request: Request) -> Response:
    answer: Response = await oauth.civitas.authorize_redirect(request, f"{url}/callback")
    return answer


async def callback(request: Request) -> Response:
    tokens.update(await oauth.civitas.authorize_access_token(request))
    request.session["person"] = dict(await oauth.civitas.userinfo(token=tokens))
    return RedirectResponse("/")


async def home(request: Request) -> Response:
    if "person" not in request.session:
        return HTMLResponse("<p>Nobody is signed in</p>")
    return HTMLResponse(f"<p>Hello {request.session['person']['name']}</p>")


async def refresh(request: Request) -> Response:
    after = await oauth.civitas.fetch_access_token(
        grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    )
    same = after["access_token"] == tokens["access_token"]
    person = await oauth.civitas.userinfo(token=after)
    return HTMLResponse(f"<p>{'the same' if same else 'refreshed'} for {person['name']}</p>")


async def logout(request: Request) -> Response:
    request.session.clear()
    metadata = await oauth.civitas.load_server_metadata()
    leave = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": f"{url}/"}
    return RedirectResponse(f"{metadata['end_session_endpoint']}?{urlencode(leave)}")


service = Starlette(
    routes=[
        Route("/", home),
        Route("/login", login),
        Route("/callback", callback),
        Route("/refresh", refresh),
        Route("/logout", logout),
    ],
    middleware=[Middleware(SessionMiddleware, secret_key="of the test")],
)

if __name__ == "__main__":
    uvicorn.run(service, host="127.0.0.1", port=urlsplit(url).port or 80)
