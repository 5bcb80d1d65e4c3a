"""Compact JWS under our own keys, each with its algorithm — RFC 7515 §3.1, RFC 8725 §3.1."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature

from foundation import algorithms
from foundation.keys import Keys, PublishedKey


class NotOurs(ValueError):
    """A string that is not a JWT of the kind asked for, signed by a key of ours."""


def sign(keys: Keys, use: str, typ: str, claims: Mapping[str, Any]) -> str:
    """A compact JWS over `claims` by the key that signs for `use` now."""
    signer = keys.signer(use)
    signed = _header(signer.algorithm, signer.kid, typ) + b"." + _json64(claims)
    return (signed + b"." + _base64(signer.sign(signed))).decode("ascii")


def verify(
    keys: Keys, uses: tuple[str, ...], typ: str, token: str, *, ever: bool = False
) -> dict[str, Any]:
    """The claims of a JWS that one of our published keys of `uses` signed; with `ever`, any that
    we had, for what is believed of nobody's word alone.

    Raises NotOurs. Times are not looked at: whoever asks knows what `now` is and what it means.
    """
    return signed_by(keys, uses, typ, token, ever=ever)[1]


def signed_by(
    keys: Keys, uses: tuple[str, ...], typ: str, token: str, *, ever: bool = False
) -> tuple[str, dict[str, Any]]:
    """The same, after the `kid` of the key that signed it."""
    signed, _, signature = token.encode(errors="replace").rpartition(b".")
    head, _, payload = signed.partition(b".")
    header = _object(head)
    if header.get("typ") != typ or "crit" in header or "b64" in header:
        raise NotOurs("another kind of JWT")
    kid = header.get("kid")
    known = [key for use in uses for key in keys.published(use) if key.kid == kid]
    if ever and not known and isinstance(kid, str):
        old = keys.by_kid(kid)
        known = [old] if old is not None and old.use in uses else []
    if not known:
        raise NotOurs("signed by a key that we do not publish")
    _check(known[0], header.get("alg"), _bytes(signature), signed)
    return known[0].kid, _object(payload)


def _check(key: PublishedKey, named: Any, signature: bytes, signed: bytes) -> None:
    # The algorithm is the key's, never the header's (failures 10).
    if named != key.algorithm:
        raise NotOurs("another algorithm than the key's")
    try:
        algorithms.verify(key.algorithm, key.public_key, signature, signed)
    except InvalidSignature:
        raise NotOurs("the signature does not verify") from None


def _object(encoded: bytes) -> dict[str, Any]:
    try:
        value = json.loads(_bytes(encoded))
    except (ValueError, RecursionError):
        raise NotOurs("not a JWT") from None
    if not isinstance(value, dict):
        raise NotOurs("not an object")
    return value


def _bytes(encoded: bytes) -> bytes:
    """What base64url without padding stands for; nothing else is let pass (RFC 7515 §2)."""
    try:
        if encoded.endswith(b"="):
            raise ValueError("padded")
        return base64.b64decode(encoded + b"=" * (-len(encoded) % 4), b"-_", validate=True)
    except ValueError:
        raise NotOurs("not base64url") from None


@lru_cache(maxsize=64)
def _header(algorithm: str, kid: str, typ: str) -> bytes:
    return _json64({"alg": algorithm, "typ": typ, "kid": kid})


def _json64(value: Mapping[str, Any]) -> bytes:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")
