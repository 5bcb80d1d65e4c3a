"""Outbound fetches never reach our own network — failures row 6 (SSRF)."""

import ipaddress
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from foundation.fetch import Fetch, FetchFailed, FetchRefused, _is_public


class Answer(BaseHTTPRequestHandler):
    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.seen.append(self.path)
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path == "/loop":
            self.send_response(302)
            self.send_header("Location", "/loop")
            self.end_headers()
            return
        if self.path == "/drip":
            self.send_response(200)
            for _ in range(40):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.1)
            return
        size = 2_000_000 if self.path == "/big" else 2
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        if self.path == "/short":
            self.send_header("Content-Length", "500")
        else:
            self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(b"{}" if size == 2 else b" " * size)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


@contextmanager
def served() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Answer.seen = []
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def loopback() -> Iterator[str]:
    with served() as url:
        yield url


def answers(*addresses: str) -> Fetch:
    def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return Fetch(resolve=resolve)


@pytest.mark.row("failures", "6")
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "10.0.0.8",
        "172.16.4.4",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.192",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "fec0::1",
        "64:ff9b:1::1",
    ],
)
def test_an_address_that_is_not_public_is_refused_after_dns(address: str) -> None:
    with pytest.raises((FetchRefused, FetchFailed)) as caught:
        answers(address).get("https://innocent.example/", ())
    assert "not public" in str(caught.value), "refused before anybody is spoken to"


@pytest.mark.row("failures", "6")
def test_one_private_address_among_public_ones_is_refused() -> None:
    with pytest.raises(FetchRefused):
        answers("93.184.215.14", "10.0.0.1").get("https://innocent.example/", ())


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_public_addresses_count_as_public(address: str) -> None:
    assert _is_public(ipaddress.ip_address(address))


@pytest.mark.row("failures", "6")
@pytest.mark.parametrize(
    "url",
    [
        "http://regulator.example/",
        "ftp://regulator.example/",
        "file:///etc/passwd",
        "gopher://x/",
        "https:///nohost",
        "https://user:pw@regulator.example/",
        "https://user@regulator.example/",
        "https://regulator.example/a b",
        "https://regulator.example/\r\nX: y",
        "https://[::1",
        "https://regulator.example:99999/",
        "",
        "regulator.example",
    ],
)
def test_a_url_that_is_not_plain_https_is_refused(url: str) -> None:
    with pytest.raises(FetchRefused):
        answers("93.184.215.14").get(url, ())


@pytest.mark.row("failures", "6")
@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://localhost/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://127.1/",
    ],
)
def test_loopback_in_any_spelling_is_refused(url: str) -> None:
    with pytest.raises((FetchRefused, FetchFailed)) as caught:
        Fetch().get(url, ())
    assert isinstance(caught.value, FetchRefused) or "no address" in str(caught.value)


@pytest.mark.row("failures", "6")
def test_loopback_without_the_development_setting_contacts_nobody(loopback: str) -> None:
    with pytest.raises(FetchRefused):
        Fetch().get(loopback + "/", ())
    assert Answer.seen == []


def test_the_development_setting_allows_loopback(loopback: str) -> None:
    fetched = Fetch(loopback_http=True).get(loopback + "/a?b=c", ("application/json",))
    assert (fetched.body, fetched.content_type) == (b"{}", "application/json")
    assert Answer.seen == ["/a?b=c"]


@pytest.mark.row("failures", "6")
def test_the_development_setting_allows_loopback_by_name_only() -> None:
    fetch = Fetch(loopback_http=True, resolve=lambda host, port: ("127.0.0.1",))
    with pytest.raises(FetchRefused):
        fetch.get("https://rebound.example/", ())
    with pytest.raises(FetchRefused):
        Fetch(loopback_http=True).get("http://10.0.0.1/", ())


@pytest.mark.row("failures", "6")
@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/",
        "file:///etc/passwd",
        "http://93.184.215.14/",
    ],
)
def test_a_redirect_to_a_private_address_is_refused(loopback: str, target: str) -> None:
    with pytest.raises(FetchRefused):
        Fetch(loopback_http=True).get(f"{loopback}/to/{target}", ())


def test_a_redirect_on_the_same_ground_is_followed(loopback: str) -> None:
    fetched = Fetch(loopback_http=True).get(f"{loopback}/to//end", ())
    assert fetched.url.endswith("/end")


def test_redirects_come_to_an_end(loopback: str) -> None:
    with pytest.raises(FetchRefused, match="more than 3"):
        Fetch(loopback_http=True).get(loopback + "/loop", ())


def test_a_post_is_never_redirected(loopback: str) -> None:
    with pytest.raises(FetchRefused, match="POST"):
        Fetch(loopback_http=True).post(f"{loopback}/to//end", {"a": "b"}, ())


@pytest.mark.row("failures", "6")
def test_the_connection_goes_to_the_address_that_was_checked(loopback: str) -> None:
    asked: list[str] = []

    def once(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ("127.0.0.1",) if len(asked) == 1 else ("10.0.0.1",)

    port = loopback.rsplit(":", 1)[1]
    fetch = Fetch(loopback_http=True, resolve=once)
    assert fetch.get(f"http://localhost:{port}/", ()).body == b"{}"
    assert asked == ["localhost"]


def test_an_answer_that_is_too_large_is_refused(loopback: str) -> None:
    with pytest.raises(FetchFailed, match="more than"):
        Fetch(loopback_http=True).get(loopback + "/big", ())


def test_an_answer_that_breaks_off_is_refused(loopback: str) -> None:
    with pytest.raises(FetchFailed):
        Fetch(loopback_http=True).get(loopback + "/short", ())


def test_an_answer_of_another_type_is_refused(loopback: str) -> None:
    with pytest.raises(FetchFailed, match="entity-statement"):
        Fetch(loopback_http=True).get(loopback + "/", ("application/entity-statement+jwt",))


def test_an_answer_that_is_not_200_is_refused(loopback: str) -> None:
    with pytest.raises(FetchFailed, match="404"):
        Fetch(loopback_http=True).get(loopback + "/missing", ())


def test_an_answer_that_drips_is_cut_off(loopback: str) -> None:
    with pytest.raises(FetchFailed):
        Fetch(loopback_http=True, timeout=0.5).get(loopback + "/drip", ("application/json",))


def test_nobody_there_is_a_failure_with_a_sentence() -> None:
    with served() as url:
        pass
    with pytest.raises(FetchFailed, match="cannot be reached"):
        Fetch(loopback_http=True).get(url, ())
