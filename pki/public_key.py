"""A public key as facts: its kind, its size, its digest, and whether it is weak."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from foundation.algorithms import ML_DSA

_SMALL_PRIMES = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79)
# The discriminants of CVE-2017-15361 (ROCA): such a modulus is a power of 65537 modulo each.
_ROCA_PRIMES = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)


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
    kind, bits, weakness = "?", 0, None
    if isinstance(key, ec.EllipticCurvePublicKey):
        kind, bits = f"EC-{key.curve.name}", key.curve.key_size
    elif isinstance(key, ed25519.Ed25519PublicKey):
        kind, bits = "Ed25519", 256
    elif isinstance(key, rsa.RSAPublicKey):
        kind, bits, weakness = "RSA", key.key_size, _rsa_weakness(key.public_numbers())
    else:
        kind = next((name for name, (_, ml) in ML_DSA.items() if isinstance(key, ml)), kind)
    return PublicKey(der, kind, bits, hashlib.sha256(der).hexdigest(), weakness, key)


def _rsa_weakness(numbers: rsa.RSAPublicNumbers) -> str | None:
    if numbers.e < 65537 or numbers.e % 2 == 0:
        return f"its public exponent is {numbers.e}, less than 65537 or even"
    if numbers.n % 2 == 0 or any(numbers.n % prime == 0 for prime in _SMALL_PRIMES):
        return "its modulus has a small factor"
    if all(numbers.n % p in _POWERS[p] for p in _ROCA_PRIMES):
        return "its modulus bears the mark of a broken generator (CVE-2017-15361)"
    return None


_POWERS = {p: frozenset(pow(65537, i, p) for i in range(p - 1)) for p in _ROCA_PRIMES}
