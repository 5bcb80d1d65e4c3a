"""A public key as facts: its kind, its size, its digest, and whether it is weak."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from foundation.algorithms import ML_DSA
from pki.weak_keys import weakness


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
    der: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    kind, bits = "?", 0
    if isinstance(key, ec.EllipticCurvePublicKey):
        kind, bits = f"EC-{key.curve.name}", key.curve.key_size
    elif isinstance(key, ed25519.Ed25519PublicKey):
        kind, bits = "Ed25519", 256
    elif isinstance(key, rsa.RSAPublicKey):
        kind, bits = "RSA", key.key_size
    else:
        kind = next((name for name, (_, ml) in ML_DSA.items() if isinstance(key, ml)), kind)
    return PublicKey(der, kind, bits, hashlib.sha256(der).hexdigest(), weakness(key), key)
