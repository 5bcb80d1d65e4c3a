"""A public key as facts: its kind, its size, its digest, and whether it is weak."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from foundation.algorithms import ML_DSA
from pki.x509 import der
from pki.x509.weak_keys import weakness


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`der` is the SubjectPublicKeyInfo in its one canonical form; `digest` its SHA-256; `key` is
    the same as `cryptography` knows it."""

    der: bytes
    kind: str
    bits: int
    digest: str
    weakness: str | None
    key: Any = field(compare=False, repr=False)


def describe(key: object) -> PublicKey:
    """The facts of a key of `cryptography`; an algorithm that we do not know has the kind "?"."""
    info = info_of(key)
    kind, bits = "?", 0
    if isinstance(key, ec.EllipticCurvePublicKey):
        kind, bits = f"EC-{key.curve.name}", key.curve.key_size
    elif isinstance(key, ed25519.Ed25519PublicKey):
        kind, bits = "Ed25519", 256
    elif isinstance(key, rsa.RSAPublicKey):
        kind, bits = "RSA", key.key_size
    else:
        kind = next((name for name, (_, ml) in ML_DSA.items() if isinstance(key, ml)), kind)
    return PublicKey(info, kind, bits, hashlib.sha256(info).hexdigest(), weakness(key), key)


def info_of(key: Any) -> bytes:
    """The SubjectPublicKeyInfo of a key of `cryptography`, DER."""
    info: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return info


def bits_in(info: bytes) -> bytes:
    """Of a SubjectPublicKeyInfo the subjectPublicKey, without tag, length and unused bits."""
    _, (_, _, first, last) = der.elements(info, *der.only(info, der.SEQUENCE))
    return info[first + 1 : last]


def key_identifier(info: bytes) -> bytes:
    """RFC 5280 §4.2.1.2, method 1: the same as in RFC 6960 §4.2.1 the hash of a responder's key."""
    return hashlib.sha1(bits_in(info), usedforsecurity=False).digest()
