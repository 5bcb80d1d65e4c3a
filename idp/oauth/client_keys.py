"""Public keys of clients, each with its one algorithm — RFC 7517, RFC 8725 §3.1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt

_BY_CURVE = {"P-256": "ES256", "P-384": "ES384", "Ed25519": "EdDSA"}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "k", "oth"})


class UnusableKey(ValueError):
    """Why a JWK is not taken, as the end of a sentence."""


def pinned(key: Any) -> Mapping[str, Any]:
    """The key with its algorithm in `alg` (failures 10). Raises UnusableKey."""
    if not isinstance(key, Mapping):
        raise UnusableKey("has a key that is not an object")
    if _PRIVATE & set(key):
        raise UnusableKey("contains a private or symmetric key; send public keys only")
    algorithm = algorithm_of(key)
    if algorithm is None:
        raise UnusableKey(f"has a key of unsupported type or algorithm {key.get('alg')!r}")
    whole = {**key, "alg": algorithm}
    try:
        loaded = jwt.PyJWK.from_dict(whole)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        raise UnusableKey("has a key that cannot be read") from None
    if key.get("kty") == "RSA" and loaded.key.key_size < 2048:
        raise UnusableKey("has an RSA key under 2048 bits")
    return whole


def signs(key: Mapping[str, Any]) -> bool:
    """Whether it is for signing, by an algorithm that we verify."""
    return key.get("use", "sig") == "sig" and algorithm_of(key) is not None


def algorithm_of(key: Mapping[str, Any]) -> str | None:
    """The one algorithm of a key: the one that it names, if that fits its type, or the usual."""
    kinds = {"EC": _BY_CURVE.get(str(key.get("crv"))), "RSA": "RS256"}
    natural = kinds.get("EC" if key.get("kty") == "OKP" else str(key.get("kty")))
    algorithm = key.get("alg", natural)
    fits = (natural, "PS256") if natural == "RS256" else (natural,)
    return str(algorithm) if natural is not None and algorithm in fits else None
