"""Compact JWS under our own keys, each with its algorithm — RFC 7515 §3.1, RFC 8725 §3.1."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jwt

from foundation.keys import Keys


class NotOurs(ValueError):
    """A string that is not a JWT of the kind asked for, signed by a key of ours."""


def sign(keys: Keys, use: str, typ: str, claims: Mapping[str, Any]) -> str:
    """A compact JWS over `claims` by the key that signs for `use` now."""
    signer = keys.signer(use)
    signed = _header(signer.algorithm, signer.kid, typ) + b"." + _json64(claims)
    return (signed + b"." + _base64(signer.sign(signed))).decode("ascii")


def verify(keys: Keys, uses: tuple[str, ...], typ: str, token: str) -> dict[str, Any]:
    """The claims of a JWS that one of our published keys of `uses` signed.

    Raises NotOurs. Times are not looked at: whoever asks knows what `now` is and what it means.
    """
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise NotOurs("not a JWT") from None
    if header.get("typ") != typ or "crit" in header or "b64" in header:
        raise NotOurs("another kind of JWT")
    for use in uses:
        for key in keys.published(use):
            if key.kid == header.get("kid"):
                return _open(token, key.public_key, key.algorithm)
    raise NotOurs("signed by a key that we do not publish")


def _open(token: str, public_key: Any, algorithm: str) -> dict[str, Any]:
    try:
        # The algorithm is the key's, never the header's (failures 10).
        payload = _verifier(algorithm).decode(token, public_key, algorithms=[algorithm])
        claims = json.loads(payload)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise NotOurs("the signature does not verify") from None
    if not isinstance(claims, dict):
        raise NotOurs("the payload is not an object")
    return claims


@lru_cache(maxsize=8)
def _verifier(algorithm: str) -> jwt.PyJWS:
    return jwt.PyJWS(algorithms=[algorithm])


@lru_cache(maxsize=64)
def _header(algorithm: str, kid: str, typ: str) -> bytes:
    return _json64({"alg": algorithm, "typ": typ, "kid": kid})


def _json64(value: Mapping[str, Any]) -> bytes:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")
