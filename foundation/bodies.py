"""Bodies on their way in: capped, with a deadline that moves as they come, and beyond a few
kilobytes on disk, not in memory — RFC 9110 §8.6, §15.5.9, §15.5.14.

What lies on disk is unreadable to whoever finds the disk: its key is made for this one body and is
never written. The file has no name, so nothing is left after a crash.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from anyio import CapacityLimiter, to_thread
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from starlette.types import Receive, Scope

from foundation.errors import BadRequest, PayloadTooLarge, RequestTimeout
from foundation.limits import Limits, about
from foundation.marking import N_

IN_MEMORY = 16_384
_CHUNK = 65_536


class Body:
    """The bytes of one body: the first few kilobytes in memory, a longer one on disk."""

    def __init__(self, folder: Path | None = None) -> None:
        self.size = 0
        self._folder = folder
        self._start: list[bytes] = []
        self._sealed: _Sealed | None = None

    @property
    def on_disk(self) -> bool:
        return self._sealed is not None

    def write(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self._sealed is not None:
            self._sealed.write(chunk)
            return
        self._start.append(chunk)
        if self.size > IN_MEMORY:
            self._sealed = _Sealed(self._folder)
            self._sealed.write(b"".join(self._start))
            self._start.clear()

    def chunks(self) -> Iterator[bytes]:
        """All of it, a piece at a time, from the beginning."""
        return iter(self._start) if self._sealed is None else self._sealed.chunks()

    def whole(self) -> bytes:
        return b"".join(self.chunks())

    def close(self) -> None:
        if self._sealed is not None:
            self._sealed.close()


class _Sealed:
    """A file without a name under a key that nobody keeps."""

    def __init__(self, folder: Path | None) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - see close
        self._cipher = Cipher(algorithms.AES(os.urandom(32)), modes.CTR(os.urandom(16)))
        self._encryptor = self._cipher.encryptor()

    def write(self, chunk: bytes) -> None:
        self._file.write(self._encryptor.update(chunk))

    def chunks(self) -> Iterator[bytes]:
        self._file.seek(0)
        decryptor = self._cipher.decryptor()
        while sealed := self._file.read(_CHUNK):
            yield decryptor.update(sealed)

    def close(self) -> None:
        self._file.close()


class Bodies:
    """Reads what a request brings, however slowly or falsely it comes."""

    def __init__(self, limits: Limits) -> None:
        self._seconds, self._rate = limits.body_seconds, limits.least_rate
        self._folder = Path(limits.spool) if limits.spool else None
        self._writers: CapacityLimiter | None = None

    async def read(self, scope: Scope, receive: Receive, most: int) -> Body:
        """The whole body, of `most` bytes. Raises PayloadTooLarge, RequestTimeout, or BadRequest
        when the caller went away: half a form is another form, nothing is done with it."""
        refuse_declared(scope, most)
        loop = asyncio.get_running_loop()
        began = loop.time()
        patience = about(self._seconds)
        body = Body(self._folder)
        try:
            while True:
                deadline = began + patience + body.size / self._rate
                async with asyncio.timeout_at(deadline):
                    message = await receive()
                if message["type"] == "http.disconnect":
                    raise BadRequest("The connection ended before the whole body was here.")
                if not message.get("more_body", False):
                    scope["civitas.unread"] = False
                chunk = message.get("body", b"")
                if body.size + len(chunk) > most:
                    raise too_large(most)
                if chunk:
                    await self._write(body, chunk)
                if not message.get("more_body", False):
                    return body
        except TimeoutError:
            body.close()
            raise RequestTimeout(
                "The body did not come in time.",
                where="body",
                next_step=N_("Send it at %(rate)s bytes a second or faster.", rate=self._rate),
            ) from None
        except BaseException:
            body.close()
            raise

    async def _write(self, body: Body, chunk: bytes) -> None:
        if body.size + len(chunk) <= _CHUNK:
            body.write(chunk)
            return
        if self._writers is None:  # a disk may pause: the loop does not wait for it
            self._writers = CapacityLimiter(4)
        await to_thread.run_sync(body.write, chunk, limiter=self._writers)


def expected(scope: Scope) -> bool:
    """Whether the head announces a body — RFC 9112 §6.3."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )


def declared(scope: Scope) -> int:
    """The Content-Length, or 0 where there is none; what is no number is more than any cap."""
    value = dict(scope["headers"]).get(b"content-length", b"0")
    return int(value) if value.isdigit() and len(value) < 16 else 1 << 62


def refuse_declared(scope: Scope, most: int) -> None:
    if declared(scope) > most:
        raise too_large(most)


def too_large(most: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        N_("The body is larger than %(most)s bytes.", most=most),
        where="body",
        next_step="Send less at a time.",
    )
