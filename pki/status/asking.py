"""What an OCSP request asks, parsed strictly — RFC 6960 §4.1, RFC 5019 §3.1, RFC 9654 §2.1."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pki.x509 import der
from pki.x509.der import NotDer

MOST_CERTIFICATES = 32
NONCE = der.oid("1.3.6.1.5.5.7.48.1.2")
HASHES: dict[bytes, Callable[[bytes], Any]] = {
    der.oid("1.3.14.3.2.26"): lambda data: hashlib.sha1(data, usedforsecurity=False),
    der.oid("2.16.840.1.101.3.4.2.1"): hashlib.sha256,
    der.oid("2.16.840.1.101.3.4.2.2"): hashlib.sha384,
    der.oid("2.16.840.1.101.3.4.2.3"): hashlib.sha512,
}


class Malformed(ValueError):
    """The request is not one: the answer is malformedRequest."""


@dataclass(frozen=True, slots=True)
class CertId:
    """The certificate that is meant (§4.1.1). `der` is repeated in the answer, byte for byte."""

    der: bytes = field(repr=False)
    algorithm: bytes
    name_hash: bytes
    key_hash: bytes
    serial: int


@dataclass(frozen=True, slots=True)
class Asked:
    certificates: tuple[CertId, ...]
    nonce: bytes | None


def parse(data: bytes) -> Asked:
    """The request. Its signature, if it has one, is not looked at. Raises Malformed."""
    try:
        begin, end = der.only(data, der.SEQUENCE)
        parts = list(der.elements(data, begin, end))
        if not 1 <= len(parts) <= 2 or parts[0][0] != der.SEQUENCE:
            raise NotDer("not a tbsRequest and at most a signature")
        if len(parts) == 2 and parts[1][0] != 0xA0:
            raise NotDer("something after the tbsRequest that is no signature")
        return _to_be_signed(data, parts[0][2], parts[0][3])
    except NotDer as problem:
        raise Malformed(str(problem)) from None


def _to_be_signed(data: bytes, begin: int, end: int) -> Asked:
    parts = list(der.elements(data, begin, end))
    if parts and parts[0][0] == 0xA0:
        version = parts.pop(0)
        if data[version[2] : version[3]] != der.integer(0):
            raise NotDer("a version other than 1")
    if parts and parts[0][0] == 0xA1:
        parts.pop(0)  # requestorName: everybody may ask
    if not parts or parts[0][0] != der.SEQUENCE:
        raise NotDer("no requestList")
    wanted = tuple(_requests(data, parts[0][2], parts[0][3]))
    if not wanted:
        raise NotDer("an empty requestList")
    nonce = None
    if len(parts) == 2 and parts[1][0] == 0xA2:
        nonce = _nonce(data, parts[1][2], parts[1][3])
    elif len(parts) != 1:
        raise NotDer("something after the requestList that is no extensions")
    return Asked(wanted, nonce)


def _requests(data: bytes, begin: int, end: int) -> Iterator[CertId]:
    for count, (tag, _, inner, stop) in enumerate(der.elements(data, begin, end), 1):
        if count > MOST_CERTIFICATES:
            raise NotDer(f"more than {MOST_CERTIFICATES} certificates")
        parts = list(der.elements(data, inner, stop))
        if tag != der.SEQUENCE or not parts or parts[0][0] != der.SEQUENCE:
            raise NotDer("not a Request")
        if len(parts) == 2 and parts[1][0] == 0xA0:
            for _, _ in _extensions(data, parts[1][2], parts[1][3], known=()):
                pass
        elif len(parts) != 1:
            raise NotDer("something in a Request that is no extensions")
        _, at, begins, ends = parts[0]
        yield _cert_id(data, at, begins, ends)


def _cert_id(data: bytes, at: int, begin: int, end: int) -> CertId:
    parts = list(der.elements(data, begin, end))
    if [tag for tag, *_ in parts] != [der.SEQUENCE, der.OCTETS, der.OCTETS, der.INTEGER]:
        raise NotDer("not a CertID")
    algorithm = list(der.elements(data, parts[0][2], parts[0][3]))
    parameters = [data[a:stop] for _, a, _, stop in algorithm[1:]]
    if not algorithm or algorithm[0][0] != der.OID or parameters not in ([], [b"\x05\x00"]):
        raise NotDer("not a hash algorithm")
    number = data[parts[3][2] : parts[3][3]]
    if not number:
        raise NotDer("a serial number without octets")
    return CertId(
        data[at:end],
        data[algorithm[0][1] : algorithm[0][3]],
        data[parts[1][2] : parts[1][3]],
        data[parts[2][2] : parts[2][3]],
        int.from_bytes(number, "big", signed=True),
    )


def _nonce(data: bytes, begin: int, end: int) -> bytes | None:
    """RFC 9654 §2.1: 1 to 128 octets, in an OCTET STRING of their own."""
    nonce = None
    for name, value in _extensions(data, begin, end, known=(NONCE,)):
        if name == NONCE:
            if nonce is not None:
                raise NotDer("two nonces")
            first, last = der.only(value, der.OCTETS)
            nonce = value[first:last]
            if not 1 <= len(nonce) <= 128:
                raise NotDer("a nonce that is not 1 to 128 octets long")
    return nonce


def _extensions(
    data: bytes, begin: int, end: int, known: tuple[bytes, ...]
) -> Iterator[tuple[bytes, bytes]]:
    """Each extension's identifier, DER, and value. An unknown critical one is refused (§4.4)."""
    lists = list(der.elements(data, begin, end))
    if len(lists) != 1 or lists[0][0] != der.SEQUENCE:
        raise NotDer("not extensions")
    for tag, _, inner, stop in der.elements(data, lists[0][2], lists[0][3]):
        parts = list(der.elements(data, inner, stop))
        tags = [part[0] for part in parts]
        if tag != der.SEQUENCE or tags not in (
            [der.OID, der.OCTETS],
            [der.OID, der.BOOLEAN, der.OCTETS],
        ):
            raise NotDer("not an extension")
        name = data[parts[0][1] : parts[0][3]]
        critical = len(parts) == 3 and data[parts[1][2] : parts[1][3]] != b"\0"
        if critical and name not in known:
            raise NotDer("a critical extension that is not known here")
        yield name, data[parts[-1][2] : parts[-1][3]]
