"""No way back to a service is blocked — RFC 8252 §7.3, CSP 3 §6.4.2 (form-action and redirects)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from starlette.routing import Route

from foundation.clock import SystemClock
from foundation.pages import routes_of as page_routes
from foundation.settings import Server
from tests.support import deployments
from tests.support.authorization_server import AuthorizationServer
from tests.support.serving import serving

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


class _IPv6(ThreadingHTTPServer):
    address_family = socket.AF_INET6


@contextmanager
def sending_on_to(place: str | None, host: str) -> Iterator[str]:
    """A program that listens at `host` for an answer; with a `place` it sends people on to that."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if place is None else 302)
            if place is not None:
                self.send_header("Location", place)
            self.end_headers()
            self.wfile.write(b"You may close this window.")

        def log_message(self, *_: object) -> None: ...

    server = (_IPv6 if ":" in host else ThreadingHTTPServer)((host, 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        named = f"[{host}]" if ":" in host else host
        yield f"http://{named}:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AuthorizationServer]:
    """An authorization server on a port of its own."""
    port = deployments.free_port()
    url = f"http://localhost:{port}"
    settings = deployments.settings_in(tmp_path, Server(url=url, listen=f"127.0.0.1:{port}"))
    runtime = deployments.build_runtime(settings, SystemClock())
    made = AuthorizationServer(runtime)
    for route in page_routes(runtime.pages):
        made.app.router.routes.append(
            Route(route.path, route.endpoint, methods=list(route.methods))
        )
    with serving(made.app, port, lifespan="off"):
        yield made
    runtime.close()


@pytest.mark.rfc("8252", "7.3")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_answer_reaches_a_native_program_and_whatever_it_sends_people_on_to(
    server: AuthorizationServer, page: Page, host: str
) -> None:
    named = f"[{host}]" if ":" in host else host
    client = server.add(
        token_endpoint_auth_method="none",
        redirect_uris=[f"http://{named}/callback"],
        scope="openid profile",
        grant_types=["authorization_code"],
    )
    server.people.sign_in(server.people.born("per_1", given_name="Leida"))
    with sending_on_to(None, "127.0.0.1") as landing, sending_on_to(landing, host) as listener:
        asked = server.parameters(
            client, redirect_uri=f"{listener}/callback", scope="openid profile"
        )
        page.goto(f"{server.issuer}/oauth/authorize?{urlencode(asked)}")
        page.locator("button[value=accept]").click()
        page.wait_for_url(f"{landing}/**")
        assert "close this window" in page.content()
