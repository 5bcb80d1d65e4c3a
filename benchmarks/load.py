"""A closed loop of HTTP requests over keep-alive connections, cheap enough not to be measured.

`run(port, connections, requests)` sends prepared requests and keeps the time of each. It parses
with httptools on uvloop, so that one core of load saturates one core of server.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlencode

import httptools
import uvloop


@dataclass(frozen=True)
class Request:
    """One prepared request; `expect` is the status without which the figure would lie."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] | None = None
    expect: int = 200

    def encoded(self, port: int) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: localhost:{port}"]
        lines += [f"{name}: {value}" for name, value in (self.headers or {}).items()]
        if self.body or self.method == "POST":
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def form(path: str, fields: Mapping[str, str], expect: int = 200) -> Request:
    """A POST of an HTML form's fields."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return Request("POST", path, urlencode(fields).encode(), headers, expect)


@dataclass(frozen=True)
class Load:
    """What one run gave: seconds of each request, sorted, and of the whole."""

    times: tuple[float, ...]
    seconds: float

    @property
    def rate(self) -> float:
        return len(self.times) / self.seconds

    def percentile(self, share: float) -> float:
        """Seconds within which `share` (0 to 1) of the requests were answered."""
        return self.times[min(len(self.times) - 1, int(share * len(self.times)))]


class Unexpected(Exception):
    """The server answered something else than what is being measured."""


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self._parser: httptools.HttpResponseParser
        self._done: asyncio.Future[bytes]
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(Unexpected("the server closed the connection"))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if not self._done.done():
            self._done.set_result(b"".join(self._body))

    async def ask(self, encoded: bytes, expect: int) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._body = []
        self._done = asyncio.get_running_loop().create_future()
        self.transport.write(encoded)
        body = await self._done
        if (status := self._parser.get_status_code()) != expect:
            raise Unexpected(f"{status} instead of {expect}: {body[:300]!r}")


async def _send(port: int, connections: int, requests: Sequence[Request]) -> Load:
    loop = asyncio.get_running_loop()
    waiting = iter([(request.encoded(port), request.expect) for request in requests])
    times: list[float] = []

    async def client() -> None:
        _, connection = await loop.create_connection(_Connection, "127.0.0.1", port)
        for encoded, expect in waiting:
            began = time.perf_counter()
            await connection.ask(encoded, expect)
            times.append(time.perf_counter() - began)
        connection.transport.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(connections)))
    return Load(tuple(sorted(times)), time.perf_counter() - began)


def run(port: int, connections: int, requests: Sequence[Request]) -> Load:
    """Send every request once, `connections` at a time."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_send(port, connections, requests))
