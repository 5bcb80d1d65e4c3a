"""Keys that nobody gets a certificate for: read from files, put on record — RFC 5280 §5.3.1."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from foundation.audit import SYSTEM, Audit
from foundation.database import Database
from foundation.errors import BadRequest
from pki.status import store

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_AT_ONCE = 500
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm)
_READERS: tuple[Callable[[bytes], Any], ...] = (
    lambda der: x509.load_der_x509_certificate(der).public_key(),
    lambda der: x509.load_der_x509_csr(der).public_key(),
    load_der_public_key,
)


def digests(content: bytes) -> tuple[str, ...]:
    """SHA-256 in hex of each SubjectPublicKeyInfo in a file.

    The file holds public keys, certificates or requests, in PEM or one in DER, or one digest a
    line. Raises BadRequest, which names the place.
    """
    blocks = list(_PEM.finditer(content))
    if blocks:
        return tuple(_of_pem(block[1].decode(), block[0]) for block in blocks)
    if content.isascii():
        return tuple(_of_lines(content.decode()))
    return (_of_der(content),)


def _of_pem(label: str, pem: bytes) -> str:
    try:
        if label == "CERTIFICATE":
            return _digest(x509.load_pem_x509_certificate(pem).public_key())
        if label.endswith("CERTIFICATE REQUEST"):
            return _digest(x509.load_pem_x509_csr(pem).public_key())
        if label.endswith("PUBLIC KEY"):
            return _digest(load_pem_public_key(pem))
    except _UNREADABLE as error:
        raise _not_read(f"a block of {label}", str(error)) from error
    raise _not_read(f"a block of {label}")


def _of_der(der: bytes) -> str:
    for read in _READERS:
        try:
            return _digest(read(der))
        except _UNREADABLE:
            continue
    raise _not_read("the DER")


def _of_lines(text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        word = line.partition("#")[0].strip().lower().replace(":", "")
        if word and _DIGEST.fullmatch(word) is None:
            raise _not_read(f"line {number}")
        if word:
            yield word


def _digest(key: object) -> str:
    der: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return hashlib.sha256(der).hexdigest()


def _not_read(what: str, detail: str | None = None) -> BadRequest:
    return BadRequest(
        f"In the file, {what} is no key that can be read.",
        next_step="Write public keys, certificates or requests in PEM or DER, or the SHA-256 of a "
        "SubjectPublicKeyInfo in hex, one a line.",
        detail=detail,
    )


def ban(database: Database, audit: Audit, keys: Sequence[str], reason: str, now: datetime) -> int:
    """Put digests on record, some hundreds at a time; how many keys that are. Repeats are fine."""
    waiting = iter(dict.fromkeys(keys))
    done = 0
    while some := tuple(islice(waiting, _AT_ONCE)):
        with database.write() as uow:
            store.ban(uow, some, reason[:64], now)
            details = {"count": len(some), "reason": reason[:64], "first": some[0]}
            audit.record(uow, "keys.banned", SYSTEM, details=details)
        done += len(some)
    return done
