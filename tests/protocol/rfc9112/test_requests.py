"""Requests as they stand on the line, and how they must not — RFC 9112, RFC 9110."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from civitas.server import spoken
from foundation.runtime import Runtime
from tests.support.deployments import free_port
from tests.support.peer_server import app_on
from tests.support.serving import serving

HOST = "Host: id.example.city\r\n"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: str
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


@dataclass(frozen=True)
class Line:
    port: int

    def say(self, said: str) -> Answer:
        """What is answered to these very bytes."""
        head, _, content = self.raw(said).partition(b"\r\n\r\n")
        first, _, headers = head.decode("latin-1").partition("\r\n")
        return Answer(int(first.split()[1]), headers.lower(), content)

    def raw(self, said: str) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(said.encode("latin-1"))
            return b"".join(iter(lambda: connection.recv(65_536), b""))


@pytest.fixture
def line(runtime: Runtime) -> Iterator[Line]:
    port = free_port()
    with serving(app_on(runtime), port, http=spoken(), lifespan="off"):
        yield Line(port)


@pytest.mark.rfc("9112", "3.2")
@pytest.mark.parametrize(
    ("hosts", "said"),
    [
        ("", "missing"),
        (HOST + HOST, "several"),
        (HOST + "Host: other.example\r\n", "several"),
        ("Host:\r\n", "not a host name"),
        ("Host: a b\r\n", "not a host name"),
        ("Host: id.example.city/path\r\n", "not a host name"),
        ("Host: user@id.example.city\r\n", "not a host name"),
        ("Host: id.example.city:https\r\n", "not a host name"),
        ("Host: a, b\r\n", "not a host name"),
        ("Host: [::1\r\n", "not a host name"),
        ("Host: \xe9.example\r\n", "not a host name"),
    ],
)
def test_a_request_that_does_not_say_for_whom_it_is_is_refused(
    line: Line, hosts: str, said: str
) -> None:
    answer = line.say(f"GET /peer HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n")
    assert answer.status == 400
    assert said in answer.json["detail"]
    assert answer.json["where"] == "Host"


@pytest.mark.rfc("9112", "3.2")
@pytest.mark.parametrize(
    "host",
    ["id.example.city", "id.example.city:8443", "ID.example.city.", "192.0.2.1", "[2001:db8::1]:80",
     "under_score.example", "id.example.city:", "xn--bcher-kva.example"],
)  # fmt: skip
def test_a_host_is_a_name_or_an_address_and_perhaps_a_port(line: Line, host: str) -> None:
    answer = line.say(f"GET /peer HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    assert answer.status == 200


def test_http_1_0_knew_no_host(line: Line) -> None:
    assert line.say("GET /peer HTTP/1.0\r\n\r\n").status == 200
    assert line.say(f"GET /peer HTTP/1.0\r\n{HOST}{HOST}\r\n").status == 400


@pytest.mark.rfc("9112", "3.2.2")
@pytest.mark.parametrize(
    "target",
    ["http://id.example.city/peer", "HTTPS://id.example.city:443/peer?a=b",
     "http://id.example.city", "http://id.example.city?a=b"],
)  # fmt: skip
def test_a_target_may_be_a_whole_address(line: Line, target: str) -> None:
    answer = line.say(f"GET {target} HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n")
    assert answer.status == 200


@pytest.mark.rfc("9112", "3.2.2")
def test_whom_the_target_names_is_what_counts(line: Line) -> None:
    answer = line.say(f"GET http:///peer HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n")
    assert answer.status == 400
    answer = line.say(f"GET http://a@b/peer HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n")
    assert answer.status == 400


@pytest.mark.rfc("9110", "15.6.2")
@pytest.mark.parametrize("method", ["FOO", "get", "X-Y_Z", "CONNECT"])
def test_a_method_that_nobody_knows_is_501(line: Line, method: str) -> None:
    target = "id.example.city:443" if method == "CONNECT" else "/peer"
    answer = line.say(f"{method} {target} HTTP/1.1\r\n{HOST}\r\n")
    assert answer.status == 501
    assert b"method" in answer.content


@pytest.mark.rfc("9112", "2.2")
@pytest.mark.parametrize(
    "said",
    ["\x16\x03\x01\x02\x00\x01\x00", "GET peer HTTP/1.1\r\n\r\n", "GET /peer HTTP/1.1\n\n",
     f"GET /peer HTTP/1.1\r\n{HOST}X : y\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_http_is_400_and_says_why(line: Line, said: str) -> None:
    answer = line.say(said)
    assert answer.status == 400
    assert answer.content.strip() not in (b"", b"Invalid HTTP request received.")


@pytest.mark.rfc("9112", "6.1")
@pytest.mark.parametrize(
    ("version", "headers", "status"),
    [
        ("1.1", "Transfer-Encoding: gzip, chunked\r\n", 501),
        ("1.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
        ("1.1", "Transfer-Encoding: foo\r\n", 501),
        ("1.1", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", 400),
        ("1.1", "Content-Length: 12\r\nContent-Length: 12\r\n", 400),
        ("1.0", "Transfer-Encoding: chunked\r\n", 400),
    ],
)
def test_a_body_that_can_be_read_in_two_ways_is_read_in_none(
    line: Line, version: str, headers: str, status: int
) -> None:
    follows = f"GET /peer HTTP/1.1\r\n{HOST}\r\n"
    said = f"POST /peer HTTP/{version}\r\n{HOST}{headers}\r\n2\r\nab\r\n0\r\n\r\n"
    raw = line.raw(said + follows)
    assert raw.startswith(f"HTTP/1.1 {status} ".encode())
    assert raw.count(b"HTTP/1.1 ") == 1, "and nothing after it is answered"


@pytest.mark.rfc("9112", "7.1")
@pytest.mark.parametrize("expects", ["", "Expect: 100-continue\r\n", "expect: 100-Continue\r\n"])
def test_a_body_in_chunks_is_whole_with_extensions_and_trailers(line: Line, expects: str) -> None:
    raw = line.raw(
        f"POST /peer HTTP/1.1\r\n{HOST}{expects}Transfer-Encoding: Chunked\r\nTrailer: x\r\n"
        "Connection: close\r\n\r\n2;a=b\r\nab\r\n1\r\nc\r\n0\r\nx: y\r\n\r\n"
    )
    assert raw.startswith(b"HTTP/1.1 100 Continue\r\n\r\n" if expects else b"HTTP/1.1 200 OK")
    assert json.loads(raw.rpartition(b"\r\n\r\n")[2])["body"] == 3


@pytest.mark.rfc("9110", "10.1.1")
def test_who_speaks_http_1_0_is_not_told_to_continue(line: Line) -> None:
    answer = line.say(
        f"POST /peer HTTP/1.0\r\n{HOST}Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab"
    )
    assert answer.status == 200
    assert answer.json["body"] == 2


@pytest.mark.rfc("9110", "9.3.2")
def test_head_goes_without_content_and_the_connection_goes_on(line: Line) -> None:
    ask = "/peer HTTP/1.1\r\n" + HOST
    raw = line.raw(f"HEAD {ask}\r\nGET {ask}Connection: close\r\n\r\n")
    head, _, get = raw.partition(b"\r\n\r\n")
    assert get.startswith(b"HTTP/1.1 200 OK\r\n")
    length = len(get.partition(b"\r\n\r\n")[2])
    assert f"content-length: {length}".encode() in head
