"""Signed JWTs whose type, algorithm and key are fixed before they are read — RFC 7515, RFC 8725.

A token is `Unverified` until `verify` has passed; only then are its claims handed out under the
name `claims`.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from jwt import PyJWK, PyJWS

from foundation import algorithms
from foundation.keys import PublishedKey, Signer

ALGORITHMS = ("ES256", "ES384", "EdDSA", "PS256", "RS256")
LEEWAY = timedelta(seconds=30)
_KEY_TYPES = {"ES": "EC", "Ed": "OKP", "PS": "RSA", "RS": "RSA"}
_CURVES = {"ES256": "P-256", "ES384": "P-384", "EdDSA": "Ed25519"}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_MOST_KEYS = 50


class Invalid(Exception):
    """A JWT, key set or claim that must not be used; the message is a public sentence."""


@dataclass(frozen=True, slots=True)
class Unverified:
    """A well-formed JWS in compact form. Nothing in it is to be believed yet."""

    token: str
    header: Mapping[str, Any]
    unverified_claims: Mapping[str, Any]

    @property
    def kid(self) -> str:
        kid = self.header.get("kid")
        if not isinstance(kid, str) or not kid:
            raise Invalid("The JWT names no key (kid).")
        return kid


def read(token: str, typ: str | None) -> Unverified:
    """The parts of a compact JWS of type `typ`; None is a JWT without a type of its own, such
    as an ID token. Raises Invalid."""
    parts = token.split(".")
    if len(parts) != 3 or not all(parts):
        raise Invalid("This is not a signed JWT in compact form.")
    header, claims = _object(parts[0], "header"), _object(parts[1], "payload")
    found = header.get("typ")
    if typ is None:
        fits = found is None or (isinstance(found, str) and found.lower() == "jwt")
    else:
        fits = isinstance(found, str) and found.removeprefix("application/") == typ
    if not fits:
        raise Invalid(f"The JWT has the type {found!r}, not {typ!r}.")
    if header.get("alg") not in ALGORITHMS:
        raise Invalid(f"The JWT is signed with {header.get('alg')!r}, which is not accepted.")
    if "crit" in header:
        raise Invalid("The JWT has critical header parameters that are not understood.")
    return Unverified(token, header, claims)


def verify(
    unverified: Unverified, keys: Sequence[Mapping[str, Any]], accepted: Sequence[str] = ALGORITHMS
) -> Mapping[str, Any]:
    """The claims, signed by the one key of `keys` that the header names. Raises Invalid."""
    algorithm = str(unverified.header["alg"])
    if algorithm not in accepted:
        raise Invalid(f"The JWT is signed with {algorithm}, not with {' or '.join(accepted)}.")
    matching = [key for key in keys if key.get("kid") == unverified.kid]
    if len(matching) != 1:
        raise Invalid(f"The key {unverified.kid!r} is not one of its issuer.")
    key = matching[0]
    # The key decides the algorithm, never the header alone (RFC 8725 §3.1).
    if key.get("alg", algorithm) != algorithm or key.get("use", "sig") != "sig":
        raise Invalid(f"The key {unverified.kid!r} does not sign with {algorithm}.")
    if key.get("kty") != _KEY_TYPES[algorithm[:2]] or (
        algorithm in _CURVES and key.get("crv") != _CURVES[algorithm]
    ):
        raise Invalid(f"The key {unverified.kid!r} is not one for {algorithm}.")
    try:
        loaded = PyJWK(dict(key), algorithm)
        if getattr(loaded.key, "key_size", 2048) < 2048 and key.get("kty") == "RSA":
            raise Invalid(f"The key {unverified.kid!r} is shorter than 2048 bits.")
        PyJWS().decode_complete(unverified.token, loaded, algorithms=[algorithm])
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise Invalid("The signature of the JWT does not verify.") from error
    return unverified.unverified_claims


def sign(signer: Signer, typ: str, claims: Mapping[str, Any]) -> str:
    """`claims` as a compact JWS of type `typ`, with the signer's kid."""
    header = {"alg": signer.algorithm, "kid": signer.kid, "typ": typ}
    signed = f"{_encode(header)}.{_encode(claims)}"
    signature = base64.urlsafe_b64encode(signer.sign(signed.encode())).rstrip(b"=").decode()
    return f"{signed}.{signature}"


def key_set(value: object) -> tuple[Mapping[str, Any], ...]:
    """The keys of a JWK Set (RFC 7517 §5) of public keys with unique kids. Raises Invalid."""
    keys = value.get("keys") if isinstance(value, Mapping) else None
    if not isinstance(keys, list) or not keys or len(keys) > _MOST_KEYS:
        raise Invalid("The jwks claim is not a JWK Set with keys.")
    kids = [k.get("kid") if isinstance(k, Mapping) else None for k in keys]
    if not all(isinstance(kid, str) and kid for kid in kids) or len(set(kids)) != len(kids):
        raise Invalid("Every key of the JWK Set needs a kid of its own.")
    if any(_PRIVATE & key.keys() for key in keys):
        raise Invalid("The JWK Set holds a private or symmetric key.")
    return tuple(keys)


def published(keys: Sequence[PublishedKey]) -> dict[str, Any]:
    """The JWK Set of our own keys."""
    return {
        "keys": [
            {**algorithms.jwk(k.public_key), "kid": k.kid, "alg": k.algorithm, "use": "sig"}
            for k in keys
        ]
    }


def seconds(instant: datetime) -> int:
    """NumericDate — RFC 7519 §2."""
    return int(instant.timestamp())


def instant(claims: Mapping[str, Any], name: str) -> datetime:
    """The claim `name` as an aware instant. Raises Invalid when absent or not a number."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Invalid(f"The claim {name} is missing or not a number.")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        raise Invalid(f"The claim {name} is not a time.") from None


def check_lifetime(claims: Mapping[str, Any], now: datetime) -> datetime:
    """`exp`, when `now` lies between `iat` and it (with 30 s of leeway). Raises Invalid."""
    issued, expires = instant(claims, "iat"), instant(claims, "exp")
    if issued > now + LEEWAY:
        raise Invalid("The JWT was issued in the future.")
    if expires <= now - LEEWAY:
        raise Invalid("The JWT has expired.")
    return expires


def _encode(value: Mapping[str, Any]) -> str:
    raw = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _object(part: str, name: str) -> Mapping[str, Any]:
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        value = json.loads(raw, object_pairs_hook=_unrepeated)
    except (ValueError, binascii.Error, RecursionError, UnicodeDecodeError):
        raise Invalid(f"The {name} of the JWT is not base64url JSON.") from None
    if not isinstance(value, dict):
        raise Invalid(f"The {name} of the JWT is not a JSON object.")
    return value


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is repeated")
    return members
