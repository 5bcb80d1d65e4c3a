"""A file that is encrypted and authenticated as a whole — STREAM (Hoang, Reyhanitabar, Rogaway and
Vizár, CRYPTO 2015) over AES-256-GCM, as age seals its payload (C2SP age).

`header line ‖ salt ‖ chunks`. Each chunk has its number and whether it is the last in its nonce, so
chunks cannot be cut off, left out, repeated or put in another order. The key is of one file alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from foundation.sealing import CannotOpen

HEADER = b"civitas-sealed-stream-1\n"
CHUNK = 64 * 1024
_SALT = 32
_TAG = 16


class SealedWriter:
    """Seals what is written; only after `close`, or the end of its block, is it whole."""

    def __init__(self, file: BinaryIO, key: bytes, context: str) -> None:
        salt = os.urandom(_SALT)
        file.write(HEADER + salt)
        self._file = file
        self._cipher = _cipher(key, salt, context)
        self._number = 0
        self._pending = bytearray()

    def write(self, data: bytes) -> None:
        self._pending += data
        # The last chunk is sealed as such, so a full one waits until there is more.
        while len(self._pending) > CHUNK:
            self._seal(bytes(self._pending[:CHUNK]), last=False)
            del self._pending[:CHUNK]

    def close(self) -> None:
        self._seal(bytes(self._pending), last=True)
        self._pending.clear()

    def __enter__(self) -> SealedWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is None:
            self.close()

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last), chunk, None))
        self._number += 1


def is_sealed(file: BinaryIO) -> bool:
    """Whether the file begins as ours do; leaves it at its start."""
    found = file.read(len(HEADER)) == HEADER
    file.seek(0)
    return found


def opened(file: BinaryIO, key: bytes, context: str) -> Iterator[bytes]:
    """The chunks, each authenticated. Raises CannotOpen: at the latest after the last one, so who
    acts on a chunk before the end must be able to take it back."""
    if file.read(len(HEADER)) != HEADER:
        raise CannotOpen("not a sealed file of a known version")
    salt = file.read(_SALT)
    cipher = _cipher(key, salt, context)
    number = 0
    sealed = file.read(CHUNK + _TAG)
    while True:
        after = file.read(CHUNK + _TAG)
        try:
            yield cipher.decrypt(_nonce(number, not after), sealed, None)
        except (InvalidTag, ValueError):
            raise CannotOpen("the file was changed, cut off, or sealed under another key") from None
        if not after:
            return
        sealed, number = after, number + 1


def _cipher(key: bytes, salt: bytes, context: str) -> AESGCM:
    info = b"civitas/stream/" + context.encode()
    return AESGCM(HKDF(SHA256(), 32, salt=salt, info=info).derive(key))


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
