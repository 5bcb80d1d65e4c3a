"""Services in the browser sign out by pages in frames of ours, before the person goes on."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.support import relying_parties
from tests.support.authorization_server import request_of
from tests.support.relying_parties import Citizen, Town

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with relying_parties.town_in(tmp_path_factory.mktemp("town")) as made:
        yield made


@contextmanager
def service() -> Iterator[tuple[str, list[str]]]:
    """Pages of a service at a port of its own; what was asked for, in its order."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = b"<!doctype html><title>A service</title><p>Here</p>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://localhost:{server.server_port}", asked
        server.shutdown()


def registered(town: Town, url: str, name: str) -> str:
    added = town.deployed.civitas(
        "clients", "add", "--name", name, "--redirect", f"{url}/callback",
        "--post-logout", f"{url}/bye", "--set", f"frontchannel_logout_uri={url}/out",
        "--set", "frontchannel_logout_session_required=yes", "--json",
    )  # fmt: skip
    return str(json.loads(added)["client_id"])


@pytest.mark.rfc("oidc-frontchannel", "3")
def test_every_service_is_framed_before_the_person_goes_on(
    town: Town, page: Page, accessible: Callable[[Page], None]
) -> None:
    citizen = Citizen(town)
    with service() as (library, at_library), service() as (museum, at_museum):
        clients = {url: registered(town, url, url) for url in (library, museum)}
        for url, client_id in clients.items():
            asked = urlencode(request_of(client_id, f"{url}/callback"))
            citizen.visit(f"{town.issuer}/oauth/authorize?{asked}")
        cookies = [
            {"name": one.name, "value": one.value, "url": town.issuer}
            for one in citizen.browser.client.cookies.jar
        ]
        page.context.add_cookies(cookies)  # type: ignore[arg-type]
        faults: list[str] = []
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        way = {
            "client_id": clients[library],
            "post_logout_redirect_uri": f"{library}/bye",
            "state": "s 1",
        }
        page.goto(f"{town.issuer}/oauth/end-session?{urlencode(way)}")
        page.get_by_role("button", name="Sign out").last.click()
        page.wait_for_url(f"{library}/bye?state=s+1")
        for heard in (at_library, at_museum):
            (out,) = [one for one in heard if one.startswith("/out")]
            said = parse_qs(urlsplit(out).query)
            assert said["iss"] == [town.issuer]
            assert len(said["sid"][0]) == 24
        assert (
            at_library.index(next(p for p in at_library if p.startswith("/out")))
            < len(at_library) - 1
        )
        assert faults == []


@pytest.mark.rfc("oidc-frontchannel", "3")
def test_signing_out_in_the_account_frames_them_too(
    town: Town, page: Page, accessible: Callable[[Page], None]
) -> None:
    citizen = Citizen(town)
    with service() as (library, at_library):
        client_id = registered(town, library, "Library")
        asked = urlencode(request_of(client_id, f"{library}/callback"))
        citizen.visit(f"{town.issuer}/oauth/authorize?{asked}")
        page.context.add_cookies(
            [
                {"name": one.name, "value": one.value, "url": town.issuer}  # type: ignore[typeddict-item]
                for one in citizen.browser.client.cookies.jar
            ]
        )
        page.goto(f"{town.issuer}/account")
        page.locator("form[action='/sign-out'] button").first.click()
        page.wait_for_url("**/signed-out?**")
        page.wait_for_load_state("load")
        assert [one for one in at_library if one.startswith("/out?iss=")]
        page.set_viewport_size({"width": 320, "height": 640})
        accessible(page)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 320
