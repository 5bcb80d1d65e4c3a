"""A proof as it came: well-formed, signed by the key in it, for this very request — RFC 9449 §4."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt

from foundation.keys import thumbprint
from idp.oauth import client_keys
from idp.oauth.tokens import foreign

ALGORITHMS = ("ES256", "ES384", "EdDSA", "PS256")
"""No RS256: nobody has keys for this from before (FAPI 2.0 Security Profile §5.4.1)."""
MOST_CHARACTERS = 8192
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class Refused(Exception):
    """Why a proof does not count. `code`: as RFC 9449 §5, §8 name it."""

    def __init__(self, description: str, code: str = "invalid_dpop_proof") -> None:
        super().__init__(description)
        self.description = description
        self.code = code


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof whose signature verified. `thumbprint`: of the key that made it (RFC 7638), by
    `algorithm`.

    `issued_at`: what the client's clock said, in seconds; `nonce` and `token_digest` (`ath`) are
    still to be looked at.
    """

    thumbprint: str
    algorithm: str
    id: str
    url: str
    issued_at: float
    nonce: str | None
    token_digest: str | None

    def is_for(self, access_token: str) -> bool:
        """Whether it was made for this access token (§4.3, 12)."""
        digest = hashlib.sha256(access_token.encode()).digest()
        expected = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return hmac.compare_digest(
            (self.token_digest or "").encode(errors="replace"), expected.encode()
        )


def parse(text: str, method: str, urls: Collection[str]) -> Proof:
    """The proof in a DPoP header. `urls`: how this endpoint may be called. Raises Refused."""
    if len(text) > MOST_CHARACTERS:
        raise Refused("The DPoP proof is too long.")
    key = _key(text)
    try:
        claims = foreign.verified(text, [key], ("dpop+jwt",))
        jti = foreign.identifier(claims)
    except foreign.Refused as reason:
        raise Refused(f"The DPoP proof is refused: {reason}.") from None
    if claims.get("htm") != method:
        raise Refused("htm of the DPoP proof is not the method of this request.")
    url = claims.get("htu")
    if not isinstance(url, str) or _same(url) not in {_same(known) for known in urls}:
        raise Refused("htu of the DPoP proof is not the address of this request.")
    issued_at = claims.get("iat")
    if isinstance(issued_at, bool) or not isinstance(issued_at, int | float):
        raise Refused("iat of the DPoP proof is missing or not a number.")
    loaded = jwt.PyJWK.from_dict(dict(key)).key
    return Proof(
        thumbprint=thumbprint(loaded),
        algorithm=str(key["alg"]),
        id=jti,
        url=_same(url),
        issued_at=float(issued_at),
        nonce=_text(claims, "nonce"),
        token_digest=_text(claims, "ath"),
    )


def is_thumbprint(text: str) -> bool:
    """Whether this is the base64url form of a SHA-256 digest, in its one spelling."""
    try:
        digest = base64.b64decode(text + "=", b"-_", validate=True)
    except ValueError:
        return False
    spelled = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return len(digest) == 32 and spelled == text


def _key(text: str) -> dict[str, Any]:
    """The public key that a proof carries, with the one algorithm that the header names."""
    try:
        header = jwt.get_unverified_header(text)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise Refused("The DPoP proof is not a signed JWT.") from None
    if header.get("alg") not in ALGORITHMS:
        raise Refused(f"alg of the DPoP proof must be one of {', '.join(ALGORITHMS)}.")
    found = header.get("jwk")
    if not isinstance(found, dict):
        raise Refused("The header of the DPoP proof must have a public key, as jwk.")
    try:
        key = client_keys.pinned({**found, "alg": header["alg"]})
    except client_keys.UnusableKey as reason:
        raise Refused(f"jwk of the DPoP proof {reason}.") from None
    return {**key, "kid": header.get("kid")}


def _text(claims: dict[str, Any], name: str) -> str | None:
    value = claims.get(name)
    if value is not None and not isinstance(value, str):
        raise Refused(f"{name} of the DPoP proof is not a text.")
    return value


def _same(url: str) -> str:
    """An address without query and fragment, as RFC 3986 §6.2.2 compares it (§4.3, 9)."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    host = parts.netloc.lower().removesuffix(_DEFAULT_PORTS.get(parts.scheme.lower(), "\n"))
    return f"{parts.scheme.lower()}://{host}{parts.path or '/'}"
