"""PKCS #10 written octet by octet, and signed: right, or with the faults that real programs have.

A writer of its own, so that the reader is not tested with its own ideas of DER.
"""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NULL = b"\x05\x00"
UTF8, PRINTABLE, TELETEX, IA5, UNIVERSAL, BMP, OCTETS = 0x0C, 0x13, 0x14, 0x16, 0x1C, 0x1E, 0x04
ECDSA_SHA1, ECDSA_SHA256 = "1.2.840.10045.4.1", "1.2.840.10045.4.3.2"
RSA_MD5, RSA_SHA1, RSA_SHA256 = (f"1.2.840.113549.1.1.{n}" for n in (4, 5, 11))
EXTENSION_REQUEST, MICROSOFTS = "1.2.840.113549.1.9.14", "1.3.6.1.4.1.311.2.1.14"
BASIC_CONSTRAINTS, KEY_USAGE, KEY_ID, NAMES = (f"2.5.29.{n}" for n in (19, 15, 14, 17))


def tlv(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def seq(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    octets = b""
    for part in (40 * first + second, *rest):
        low = bytes([part & 0x7F])
        while part := part >> 7:
            low = bytes([0x80 | part & 0x7F]) + low
        octets += low
    return tlv(0x06, octets)


def name(value: str, kind: int = UTF8, attribute: str = "2.5.4.3") -> bytes:
    """A subject of one attribute, CN if nothing else is said, in a string of this type."""
    encoding = {BMP: "utf-16-be", UNIVERSAL: "utf-32-be", TELETEX: "latin-1"}.get(kind, "utf-8")
    return seq(tlv(0x31, seq(oid(attribute), tlv(kind, value.encode(encoding)))))


def extension(dotted: str, value: bytes, critical: bytes = b"") -> bytes:
    return seq(oid(dotted), critical, tlv(OCTETS, value))


def attribute(dotted: str, *values: bytes) -> bytes:
    return seq(oid(dotted), tlv(0x31, *values))


def asking(*extensions: bytes, by: str = EXTENSION_REQUEST) -> bytes:
    return attribute(by, seq(*extensions))


def request(
    key: Any,
    subject: bytes = b"0\x00",
    *attributes: bytes,
    version: bytes = b"\x02\x01\x00",
    spki: bytes | None = None,
    field: bytes | None = None,
    algorithm: bytes | None = None,
    hashed: Any = None,
    signature: bytes | None = None,
) -> bytes:
    """A signed request, its attributes in the order of DER. `field` stands for the whole field of
    the attributes, `algorithm` for the signature's AlgorithmIdentifier, `signature` for its BIT
    STRING."""
    spki = spki or key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    field = tlv(0xA0, *sorted(attributes)) if field is None else field
    info = seq(version, subject, spki, field)
    said, proof = _signed(key, info, hashed or hashes.SHA256())
    return seq(info, algorithm or said, signature or tlv(0x03, b"\x00", proof))


def _signed(key: Any, info: bytes, hashed: Any) -> tuple[bytes, bytes]:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return seq(oid(ECDSA_SHA256)), key.sign(info, ec.ECDSA(hashed))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return seq(oid("1.3.101.112")), key.sign(info)
    return seq(oid(RSA_SHA256), NULL), key.sign(info, padding.PKCS1v15(), hashed)
