"""An impatient person in three tabs, on a slow server, and a service that posts — RFC 6265bis §5.6;
and a program in a page of another origin that reads why it was refused — Fetch §3.2."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from foundation.clock import SystemClock
from foundation.pages import routes_of as page_routes
from foundation.settings import Server
from idp import login
from idp.oauth import AddedClient
from tests.support import deployments
from tests.support.authorization_server import AuthorizationServer
from tests.support.serving import serving
from tests.support.sign_in import NAME, PASSWORD, SignInDesk, with_cheap_passwords

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.browser
SLOW = 0.4


class Slow:
    """Each POST is answered late, so that a second click comes while the first is under way."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        import anyio

        async def late(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start" and scope["method"] == "POST":
                await anyio.sleep(SLOW)
            await send(message)

        await self.app(scope, receive, late if scope["type"] == "http" else send)  # type: ignore[arg-type]


@contextmanager
def service(page: str = "") -> Iterator[str]:
    """A service at another site than ours: `/` shows `page`, every other path what it was sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(pages[0].encode() if self.path == "/" else b"thank you")

        def log_message(self, *_: object) -> None: ...

    pages = [page]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Town(AuthorizationServer):
    """Real sign-in and real tokens, behind one slow server."""

    desk: SignInDesk


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    port = deployments.free_port()
    url = Server(url=f"http://localhost:{port}", listen=f"127.0.0.1:{port}")
    runtime = deployments.build_runtime(
        with_cheap_passwords(deployments.settings_in(tmp_path, url)), SystemClock()
    )
    made = Town(runtime)
    made.desk = SignInDesk(runtime)
    made.people.who = made.desk.login.who  # type: ignore[method-assign]
    for route in (*page_routes(runtime.pages), *login.routes_of(made.desk.login)):
        made.app.router.routes.append(
            Route(route.path, route.endpoint, methods=list(route.methods))
        )
    with serving(Slow(made.app), port, lifespan="off"):
        yield made
    runtime.close()


def form_of(town: Town, client: AddedClient, place: str, **changed: str) -> str:
    asked = town.parameters(client, redirect_uri=f"{place}/callback", **changed)
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in asked.items()
    )
    return (
        f'<form method="post" action="{town.issuer}/oauth/authorize">{fields}'
        "<button>Sign in</button></form>"
    )


def twice(page: Page, selector: str) -> None:
    """Click, and again while nothing seems to happen: inside of the page, since Playwright waits
    for what a click begins."""
    script = "(button, wait) => [1, wait].forEach((ms) => setTimeout(() => button.click(), ms))"
    page.locator(selector).first.evaluate(script, SLOW * 400)


def arrives(page: Page, place: str) -> None:
    """Wait by looking: what the second click cuts off is no failure."""
    expect(page).to_have_url(re.compile(re.escape(place) + r"\?"), timeout=10_000)


def came_back(page: Page, place: str) -> dict[str, list[str]]:
    arrives(page, f"{place}/callback")
    return parse_qs(urlsplit(page.url).query)


@pytest.mark.rfc("oidc-core", "3.1.2")
def test_an_impatient_person_in_three_tabs_gets_a_code_in_each_from_a_service_that_posts(
    town: Town, page: Page
) -> None:
    town.desk.citizen()
    context: BrowserContext = page.context
    with service() as place:
        client = town.add(
            token_endpoint_auth_method="none",
            redirect_uris=[f"{place}/callback"],
            scope="openid profile",
            grant_types=["authorization_code"],
        )
        tabs = [page, context.new_page(), context.new_page()]
        for number, tab in enumerate(tabs):
            tab.goto(place)
            tab.set_content(form_of(town, client, place, state=f"tab-{number}"))
            tab.locator("button").click()
            tab.wait_for_url("**/sign-in?**")
        for tab in tabs:
            tab.locator("#name").fill(NAME)
            tab.locator("#password").fill(PASSWORD)
            twice(tab, "main form button")
            arrives(tab, f"{town.issuer}/oauth/consent")
        codes = set()
        for number, tab in enumerate(tabs):
            twice(tab, "button[value=accept]")
            answer = came_back(tab, place)
            assert answer["state"] == [f"tab-{number}"]
            codes.update(answer["code"])
        assert len(codes) == len(tabs)
        for code in codes:
            back = f"{place}/callback"
            assert town.redeem(client, code, redirect_uri=back).status_code == 200
        # Who is signed in is known to a service that posts, in silence.
        page.goto(place)
        page.set_content(form_of(town, client, place, prompt="none"))
        page.locator("button").click()
        assert "code" in came_back(page, place)


@pytest.mark.rfc("6749", "5.2")
def test_a_program_in_a_page_of_another_origin_reads_invalid_grant(town: Town, page: Page) -> None:
    with service() as place:
        client = town.add(
            token_endpoint_auth_method="none",
            redirect_uris=[f"{place}/callback"],
            grant_types=["authorization_code"],
        )
        page.goto(place)
        asked = {
            "grant_type": "authorization_code",
            "client_id": client.client.id,
            "code": "spent",
            "redirect_uri": f"{place}/callback",
            "code_verifier": "v" * 43,
        }
        read = page.evaluate(
            """async ([url, form]) => {
                const answer = await fetch(url, {method: "POST", body: new URLSearchParams(form)});
                const own = {headers: {Authorization: "Bearer x"}};
                const info = await fetch(url.replace("token", "userinfo"), own);
                const traced = {headers: {"X-Traced": "1"}};
                const keys = await fetch(url.replace("token", "jwks"), traced);
                return {
                    error: (await answer.json()).error,
                    challenge: info.headers.get("WWW-Authenticate"),
                    keys: (await keys.json()).keys.length,
                };
            }""",
            [f"{town.issuer}/oauth/token", asked],
        )
        assert read["error"] == "invalid_grant", json.dumps(read)
        assert 'error="invalid_token"' in read["challenge"]
        assert read["keys"] == 1


def test_a_browser_without_cookies_is_told_so(town: Town, page: Page) -> None:
    client = town.add(redirect_uris=[f"{town.issuer}/test"], scope="openid")
    town.desk.citizen()
    asked = town.parameters(client)
    page.goto(f"{town.issuer}/oauth/authorize?{'&'.join(f'{k}={v}' for k, v in asked.items())}")
    page.locator("#name").fill(NAME)
    page.locator("#password").fill(PASSWORD)
    page.context.clear_cookies()
    page.locator("main form button").click()
    page.get_by_text("Without cookies nobody can be signed in here").wait_for()
