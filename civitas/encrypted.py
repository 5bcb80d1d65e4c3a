"""TLS between a socket and HTTP: what has to be said is said before the end — RFC 8446 §6.

Python's event loops drop the alert of a handshake that fails, so that an old version or a missing
cipher looks like a dead network (CPython issue 98078). Here it goes out, and there is time to read
it: closing at once would reset the connection and take the alert with it.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import Any, cast

from OpenSSL import SSL

from civitas import tls
from civitas.connection import Bounds
from foundation.limits import about

FAREWELL_SECONDS = 30.0
"""How long what we wrote may take to be read after we closed."""
_CHUNK, _RECORD = 65_536, 16_384
_PLAIN = re.compile(rb"[A-Z]{3,7} /")
_NOT_TLS = b"This port speaks TLS only. Use its https address.\n"
_REFUSED = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(_NOT_TLS), _NOT_TLS)
)


class Encrypted(asyncio.Protocol, asyncio.Transport):
    """A protocol to the socket below, and to `inner` above a transport.

    `inner` hears of it when the handshake is done. Until then it is one of `bounds.handshakes`,
    and makes room for others when there are too many.
    """

    idle = True

    def __init__(self, inner: asyncio.Protocol, listener: tls.TlsListener, bounds: Bounds) -> None:
        super().__init__()
        self._inner = inner
        self._listener = listener
        self._bounds = bounds
        self._patience: asyncio.TimerHandle | None = None
        self._open = False  # the handshake is done
        self._over = False  # nothing more is read or written
        self._held_back = False  # nothing is read now

    # What the socket calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = cast(asyncio.Transport, transport)
        address = str((transport.get_extra_info("peername") or ("unix",))[0])
        if not self._bounds.handshakes.opened(self, address):
            self._over = True
            self._socket.abort()
            return
        self._tls = self._listener.accept()
        self._wait(about(self._bounds.head_seconds))

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        self._tls.bio_write(data)
        if self._open or self._shakes_hands(data):
            self._read()

    def eof_received(self) -> None:
        if self._open and not self._over:
            self._inner.eof_received()
            self._say_farewell()
        # The socket sends what was written, and closes.

    def connection_lost(self, exc: Exception | None) -> None:
        self._over = True
        self._waited()
        self._bounds.handshakes.closed(self)
        if self._open:
            self._inner.connection_lost(exc)
        # They name each other: the collector would find them, but late.
        self.__dict__.pop("_tls", None)
        del self._inner

    def pause_writing(self) -> None:
        if self._open:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._open:
            self._inner.resume_writing()

    # What `inner` calls.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "sslcontext":
            return self._listener
        if name == "client_certificate":
            return tls.client_certificate(self._tls)
        if name == "tls_unique":
            return tls.tls_unique(self._tls) if self._listener.linking else None
        return self._socket.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._over:
            return
        try:
            self._tls.sendall(data)
        except SSL.Error:
            self.abort()
        else:
            self._flush()

    def close(self) -> None:
        if not self._over:
            self._say_farewell()
            self._half_close()

    def abort(self) -> None:
        self._over = True
        self._socket.abort()

    def give_up(self) -> None:
        self.abort()

    def is_closing(self) -> bool:
        return self._over or bool(self._socket.is_closing())

    def pause_reading(self) -> None:
        if not self._held_back and not self.is_closing():
            self._held_back = True
            self._socket.pause_reading()

    def resume_reading(self) -> None:
        if self._held_back and not self.is_closing():
            self._held_back = False
            self._socket.resume_reading()
            asyncio.get_running_loop().call_soon(self._read)  # what came in the meantime

    # What TLS does.

    def _shakes_hands(self, data: bytes) -> bool:
        """Whether that is done. Where it fails, OpenSSL has written why: the alert."""
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            self._flush()
            return False
        except SSL.Error:
            if _PLAIN.match(data):
                self._socket.write(_REFUSED)
            self._over = True
            self._flush()
            self._half_close()
            return False
        self._flush()
        self._waited()
        self._bounds.handshakes.closed(self)
        self._open = True
        self._inner.connection_made(self)
        return True

    def _read(self) -> None:
        try:
            while not self._held_back and not self._over:
                self._inner.data_received(self._tls.recv(_RECORD))
        except SSL.WantReadError:
            self._flush()  # TLS may have had an answer of its own
        except SSL.ZeroReturnError:
            self._inner.eof_received()
            self.close()
        except SSL.Error:
            self._over = True
            self._flush()
            self._half_close()

    def _flush(self) -> None:
        with suppress(SSL.WantReadError):
            while len(chunk := self._tls.bio_read(_CHUNK)) == _CHUNK:
                self._socket.write(chunk)
            self._socket.write(chunk)

    def _say_farewell(self) -> None:
        self._over = True
        with suppress(SSL.Error):
            self._tls.shutdown()
        self._flush()

    def _half_close(self) -> None:
        """All that was written goes out, and is waited for; then the other end closes too."""
        if self._patience is None:
            self._wait(FAREWELL_SECONDS)
        if self._socket.is_closing():
            return
        if self._held_back:
            self._socket.resume_reading()  # or its end would not be noticed
        self._socket.write_eof()

    def _wait(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(seconds, self._socket.abort)

    def _waited(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
