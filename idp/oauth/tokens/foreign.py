"""JWTs that clients signed: assertions and request objects — RFC 7523 §3, RFC 9101 §6, RFC 8725."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

MOST_CHARACTERS = 16_384
LONGEST_SINCE = timedelta(hours=1)
LONGEST_LIFE = timedelta(minutes=10)
SKEW = timedelta(seconds=30)


class Refused(ValueError):
    """Why a client's JWT is not accepted, as a sentence for the client."""


def verified(
    token: str, keys: Sequence[Mapping[str, Any]], typs: tuple[str | None, ...]
) -> dict[str, Any]:
    """The claims of a JWT that one of the client's registered keys signed.

    `keys`: JWKs with `alg` pinned at registration; the header chooses a key, never an algorithm.
    `typs`: accepted `typ` values in lower case, None for its absence. Raises Refused.
    """
    if len(token) > MOST_CHARACTERS:
        raise Refused("the JWT is too long")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise Refused("it is not a signed JWT") from None
    typ = header.get("typ")
    if (typ.lower() if isinstance(typ, str) else typ) not in typs or "crit" in header:
        raise Refused("its header has an unexpected typ or a crit member")
    key = _chosen(header, keys)
    try:
        algorithms = [str(key["alg"])]
        loaded = jwt.PyJWK.from_dict(dict(key)).key
        payload = jwt.PyJWS(algorithms=algorithms).decode(token, loaded, algorithms=algorithms)
        claims = json.loads(payload)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise Refused("its signature does not verify with the registered key") from None
    if not isinstance(claims, dict):
        raise Refused("its payload is not an object")
    return claims


def _chosen(header: Mapping[str, Any], keys: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    kid, algorithm = header.get("kid"), header.get("alg")
    fitting = [key for key in keys if key["alg"] == algorithm and kid in (None, key.get("kid"))]
    if not fitting:
        raise Refused("no registered key has its kid and algorithm")
    if len(fitting) > 1:
        raise Refused("several registered keys fit; name one by kid")
    return fitting[0]


def check_times(claims: Mapping[str, Any], now: datetime) -> datetime:
    """`exp` is there, near and ahead; `iat` and `nbf` are not in the future. Returns `exp`."""
    expires = _instant(claims, "exp")
    if expires is None:
        raise Refused("exp is missing")
    if expires <= now - SKEW:
        raise Refused("it has expired")
    issued = _instant(claims, "iat")
    if expires - now > LONGEST_LIFE or (issued is not None and now - issued > LONGEST_LIFE):
        raise Refused("it lives longer than ten minutes")
    for name in ("iat", "nbf"):
        begins = _instant(claims, name)
        if begins is not None and begins > now + SKEW:
            raise Refused(f"{name} is in the future")
    return expires


def check_beginning(claims: Mapping[str, Any], expires: datetime, now: datetime) -> None:
    """`nbf` is there, an hour ago at most, and `exp` an hour after it at most — FAPI 2.0 Message
    Signing §5.3.1."""
    begins = _instant(claims, "nbf")
    if begins is None:
        raise Refused("nbf is missing")
    if now - begins > LONGEST_SINCE or expires - begins > LONGEST_SINCE:
        raise Refused("nbf is more than an hour ago")


def check_audience(claims: Mapping[str, Any], *accepted: str) -> None:
    """`aud` is exactly one string, alone (failures 7): an array of one is taken as that string."""
    audience = claims.get("aud")
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    if audience not in accepted:
        raise Refused(f"aud must be {' or '.join(accepted)}, and nothing beside it")


def identifier(claims: Mapping[str, Any]) -> str:
    """`jti`, which makes the JWT usable once. Raises Refused without one."""
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= 200 or not jti.isprintable():
        raise Refused("jti is missing or malformed")
    return jti


def _instant(claims: Mapping[str, Any], name: str) -> datetime | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(f"{name} is not a number")
    try:
        return datetime.fromtimestamp(value, tz=UTC)
    except (OverflowError, ValueError, OSError):
        raise Refused(f"{name} is out of range") from None
