"""A closed loop of HTTP requests over keep-alive connections, cheap enough not to be measured.

Each connection is a lane: it sends its errands one after the other and keeps the time of each. An
errand is one prepared request, or a short dialogue in which an answer leads to the next request.
It parses with httptools on uvloop, so that one core of load saturates one core of server.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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


@dataclass
class Answer:
    """What came back; names of headers in lower case; `set_cookies` as they came."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    set_cookies: list[str] = field(default_factory=list)

    @property
    def cookies(self) -> str:
        """What the next request sends as Cookie."""
        return "; ".join(each.partition(";")[0] for each in self.set_cookies)


Dialogue = Callable[[], Generator[Request, Answer, None]]
Errand = Request | Dialogue


def form(
    path: str,
    fields: Mapping[str, str],
    expect: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Request:
    """A POST of an HTML form's fields."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return Request("POST", path, urlencode(fields).encode(), {**kind, **(headers or {})}, expect)


@dataclass(frozen=True)
class Lane:
    """One connection's errands; lanes may share an iterator. `tls`: how to connect, or None.

    `fresh`: each errand opens a connection of its own, and its time includes that.
    """

    errands: Iterable[Errand]
    tls: ssl.SSLContext | None = None
    fresh: bool = False


def lanes(
    count: int,
    errands: Iterable[Errand],
    tls: ssl.SSLContext | None = None,
    *,
    fresh: bool = False,
) -> list[Lane]:
    """`count` connections that take the next errand whenever they are free."""
    shared = iter(errands)
    return [Lane(shared, tls, fresh) for _ in range(count)]


@dataclass(frozen=True)
class Load:
    """What one run gave: seconds of each errand, sorted, and of the whole."""

    times: tuple[float, ...]
    seconds: float

    @property
    def rate(self) -> float:
        return len(self.times) / self.seconds

    def percentile(self, share: float) -> float:
        """Seconds within which `share` (0 to 1) of the errands were done."""
        return self.times[min(len(self.times) - 1, int(share * len(self.times)))]


def together(loads: Sequence[Load]) -> Load:
    """Several runs as one."""
    times = sorted(time for load in loads for time in load.times)
    return Load(tuple(times), sum(load.seconds for load in loads))


class Unexpected(Exception):
    """The server answered something else than what is being measured."""


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self._parser: httptools.HttpResponseParser
        self._done: asyncio.Future[None] | None = None
        self._answer = Answer()
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(Unexpected("the server closed the connection"))

    def on_header(self, name: bytes, value: bytes) -> None:
        named = name.decode().lower()
        self._answer.headers[named] = value.decode()
        if named == "set-cookie":
            self._answer.set_cookies.append(value.decode())

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    async def ask(self, request: Request, encoded: bytes) -> Answer:
        self._parser = httptools.HttpResponseParser(self)
        self._answer, self._body = Answer(), []
        self._done = asyncio.get_running_loop().create_future()
        self.transport.write(encoded)
        await self._done
        self._answer.status = self._parser.get_status_code()
        self._answer.body = b"".join(self._body)
        if self._answer.status != request.expect:
            said = self._answer.body[:300]
            raise Unexpected(f"{self._answer.status} instead of {request.expect}: {said!r}")
        return self._answer

    async def talk(self, dialogue: Dialogue, port: int) -> None:
        steps = dialogue()
        request = next(steps)
        while True:
            answer = await self.ask(request, request.encoded(port))
            try:
                request = steps.send(answer)
            except StopIteration:
                return


async def _send(port: int, opened: Sequence[Lane]) -> Load:
    loop = asyncio.get_running_loop()
    times: list[float] = []

    async def connect(lane: Lane) -> _Connection:
        name = "localhost" if lane.tls else None
        _, connection = await loop.create_connection(
            _Connection, "127.0.0.1", port, ssl=lane.tls, server_hostname=name
        )
        return connection

    async def drive(lane: Lane, connection: _Connection) -> None:
        last: Errand | None = None
        encoded = b""
        for errand in lane.errands:
            if isinstance(errand, Request) and errand is not last:
                last, encoded = errand, errand.encoded(port)  # the same one is encoded once
            began = time.perf_counter()
            if lane.fresh:
                connection.transport.close()
                connection = await connect(lane)
            if isinstance(errand, Request):
                await connection.ask(errand, encoded)
            else:
                await connection.talk(errand, port)
            times.append(time.perf_counter() - began)
        connection.transport.close()

    # Handshakes are over before the time runs: what is measured is the kept-alive connection,
    # unless a lane says otherwise.
    connections = [await connect(lane) for lane in opened]
    began = time.perf_counter()
    await asyncio.gather(*map(drive, opened, connections))
    return Load(tuple(sorted(times)), time.perf_counter() - began)


def run_lanes(port: int, opened: Sequence[Lane]) -> Load:
    """Drive every lane to its end."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_send(port, opened))


def run(port: int, connections: int, requests: Sequence[Errand]) -> Load:
    """Send every request once, `connections` at a time."""
    return run_lanes(port, lanes(connections, requests))
