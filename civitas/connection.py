"""One HTTP connection: bounded heads, and the client's TLS certificate — RFC 9112 §3, RFC 8705.

No Python ASGI server hands the client certificate to the application, nor bounds the head of a
request or the connections of one network: without a bound, one connection could fill the memory
with a header that never ends, and one network could open all that the process may have.
"""

from __future__ import annotations

import asyncio
import re
import sys
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from httptools import HttpParserInvalidMethodError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from civitas.connections import Connections
from foundation.limits import about

MOST_HEAD = 65_536
"""Bytes of a request line and its headers, give or take what arrives at once."""
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"retry-after: 10\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)
_UNBOUND = sys.maxsize
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)", re.IGNORECASE)
_METHOD = re.compile(rb"[\w!#$%&'*+.^`|~-]+ ")
_UNKNOWN = "This method is not known here."
_EST = "/.well-known/est/"
_HEADER_NAME = re.compile(rb"(?<=\r\n)[a-z][a-z0-9-]*(?=: )")


@dataclass(frozen=True)
class Bounds:
    """What all connections of a process share: how many there may be, how many of them in the
    middle of a TLS handshake, and about how long that, or the head of a request, may take."""

    connections: Connections
    handshakes: Connections
    head_seconds: float


class Connection(HttpToolsProtocol):
    """Lays the client's certificate, DER, beside each request of a TLS connection, as
    `extensions.tls.client_cert_der`, and on the linking listener `extensions.tls.tls_unique`."""

    _head_open = True
    _head_bytes = 0
    _patience: asyncio.TimerHandle | None = None
    _turned_away = False
    _came = b""

    def __init__(self, *given: Any, bounds: Bounds | None = None, **more: Any) -> None:
        super().__init__(*given, **more)
        self.bounds = bounds or Bounds(Connections(_UNBOUND), Connections(_UNBOUND), 10.0)

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        address = self.client[0] if self.client else "unix"
        if not self.bounds.connections.opened(self, address):
            self._turned_away = True
            transport.write(_FULL)
            transport.close()
            return
        self._client_certificate = transport.get_extra_info("client_certificate")
        self._tls_unique = transport.get_extra_info("tls_unique")
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        self.bounds.connections.closed(self)
        super().connection_lost(exc)
        if self.cycle is not None:
            # Nobody will read it, and connection and cycle name each other: the collector would
            # find half a megabyte of each caller who went away, but late.
            self.cycle.body = bytearray()

    @property
    def idle(self) -> bool:
        """Whether no whole request is here that is being answered."""
        cycle: Any = self.cycle
        return bool(cycle is None or cycle.response_complete or cycle.more_body)

    def give_up(self) -> None:
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._turned_away:
            return
        self._came = data[:40]
        super().data_received(data)
        if not self._head_open or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > MOST_HEAD:
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        elif self._patience is None:
            self._wait_for_head()

    def send_400_response(self, msg: str) -> None:
        """What cannot be read as HTTP, and why."""
        error = sys.exc_info()[1]
        status, said = 400, str(error) if error is not None else msg
        if isinstance(error, HttpParserInvalidMethodError) and _METHOD.match(self._came):
            status, said = 501, _UNKNOWN  # RFC 9110 §15.6.2
        elif error is not None and isinstance(error.__context__, _Refused):
            status, said = error.__context__.status, str(error.__context__)
        self.transport.write(_refusal(status, said))
        self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_open, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        self._head_came()
        _check_codings(self.headers, self.parser.get_http_version())
        if self.parser.get_method() == b"CONNECT":
            raise _Refused(501, _UNKNOWN)
        if self.parser.get_http_version() == "1.0":
            self.expect_100_continue = False  # RFC 9110 §10.1.1: that one would not understand
        if absolute := _ABSOLUTE.match(self.url):
            # RFC 9112 §3.2.2: it says for whom the request is, whatever Host says.
            self.url = self.url[absolute.end() :]
            self.url = self.url if self.url.startswith((b"/", b"*")) else b"/" + self.url
            host = absolute[1]
            self.headers[:] = [(n, host if n == b"host" else v) for n, v in self.headers]
        self.scope["extensions"] = {
            "tls": {"client_cert_der": self._client_certificate, "tls_unique": self._tls_unique}
        }
        super().on_headers_complete()
        if _is_long(self.headers):
            # Nothing of it is read before somebody asks for it: most who are refused need not be.
            self.flow.pause_reading()
        transport: Any = _Joining(self.transport, self.loop)
        if self.scope["path"].startswith(_EST):
            transport = _Capitalised(transport)
        self.cycle.transport = transport

    def _wait_for_head(self) -> None:
        self._patience = self.loop.call_later(about(self.bounds.head_seconds), self.transport.close)

    def _head_came(self) -> None:
        self._head_open = False
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


class _Refused(Exception):
    """A head that says how to read its body in a way that we do not take."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


def _check_codings(headers: list[tuple[bytes, bytes]], version: str) -> None:
    """RFC 9112 §6.1: who reads a body otherwise than it was written reads other requests too."""
    codings = [value.strip().lower() for name, value in headers if name == b"transfer-encoding"]
    if codings and version == "1.0":
        raise _Refused(400, "HTTP/1.0 has no Transfer-Encoding.")
    if codings and codings != [b"chunked"]:
        raise _Refused(501, "Of transfer codings only chunked is known here.")


def _refusal(status: int, said: str) -> bytes:
    phrase = HTTPStatus(status).phrase
    body = f"{said}\n".encode("ascii", "replace")
    return (
        f"HTTP/1.1 {status} {phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    ).encode() + body


def _is_long(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether a body was announced that does not come along with its head."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and len(value) > 5)
        for name, value in headers
    )


class _Joining:
    """A connection on which a head goes out together with what follows at once: one journey to the
    kernel, one record of TLS and one packet instead of two."""

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""

    def write(self, data: bytes) -> None:
        if self._held:
            data, self._held = self._held + data, b""
            self._transport.write(data)
        elif data:
            self._held = data
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _Capitalised:
    """A connection on which header names go out as RFC 7030 prints them.

    Case says nothing (RFC 9110 §5.1), but clients on old devices (cisco libest) compare it, and
    ASGI knows lower case only.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._head_written = False

    def write(self, data: bytes) -> None:
        if not self._head_written:
            data = _HEADER_NAME.sub(_capitalised, data)
            self._head_written = not data.startswith(b"HTTP/1.1 1")  # 100 Continue is no head yet
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def _capitalised(name: re.Match[bytes]) -> bytes:
    return b"WWW-Authenticate" if name[0] == b"www-authenticate" else name[0].title()
