"""What somebody on the way sees of a sign-in — ISO/IEC 29115 AU-7 (EncryptedAuthentication)."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from civitas.tour.browser import Browser
from civitas.tour.deployments import Deployed
from civitas.tour.world import PASSWORD, World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
NAME = "ann.auditor"


class Wiretap:
    """Passes the bytes of TCP connections on, and keeps a copy of all of them."""

    def __init__(self, port: int) -> None:
        self.heard = bytearray()
        self._port = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return  # closed: the test is over
            far = socket.create_connection(("127.0.0.1", self._port))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while passing := source.recv(65_536):
                self.heard += passing
                target.sendall(passing)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # either end hung up


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def invited(world: World, provider: Deployed) -> None:
    """A member of staff with a password, set up elsewhere."""
    browser = Browser()
    browser.get(world.run_json(provider, "staff", "invite", "--role", "auditor")["link"])
    browser.submit(
        browser.form("name", "password", "repeated"),
        typed={"name": NAME, "password": PASSWORD, "repeated": PASSWORD},
    )


@pytest.mark.row("assurance", "AU-7")
def test_a_capture_of_a_sign_in_over_tls_shows_nothing_that_could_be_used_again(
    world: World,
) -> None:
    provider = world.provider
    invited(world, provider)
    port = urlsplit(provider.tls_url).port
    assert port is not None
    tap = Wiretap(port)
    trusted = ssl.create_default_context(cadata=httpx.get(f"{provider.url}/pki/ca.pem").text)
    with httpx.Client(
        base_url=f"https://localhost:{tap.port}",
        headers={"Host": f"localhost:{port}", "Accept": "text/html"},
        verify=trusted,
    ) as client:
        form = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/sign-in").text)
        assert form is not None
        sent = {"csrf_token": form[1], "name": NAME, "password": PASSWORD}
        assert client.post("/sign-in", data=sent).status_code == 303
        cookies = {cookie.name: cookie.value or "" for cookie in client.cookies.jar}
    tap.close()
    assert any(name.endswith("session") for name in cookies)
    # The name of the host is in clear before the handshake: so much the tap understands.
    assert b"localhost" in tap.heard
    # A shorter cookie, such as the language, would be found by chance.
    proofs = [value for value in cookies.values() if len(value) > 16]
    secrets = [NAME, form[1], *proofs, *PASSWORD.split()]
    assert not [secret for secret in secrets if secret.encode() in tap.heard]
