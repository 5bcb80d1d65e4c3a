"""Access tokens as JWTs, each of a grant — RFC 9068, RFC 8705 §3.1, RFC 9449 §6.1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from foundation import opaque
from foundation.keys import Keys
from idp.oauth.tokens import jws

TYPE = "at+jwt"
USE = "jwt"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What an access token says. `grant_id` is None where the client acts for itself; `actor` says
    who acts for the person (RFC 8693 §4.1)."""

    issuer: str
    subject: str
    audience: str
    client_id: str
    scope: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    id: str
    grant_id: str | None = None
    purpose: str | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    auth_time: datetime | None = None
    certificate_thumbprint: str | None = None
    key_thumbprint: str | None = None
    authorization_details: tuple[Mapping[str, Any], ...] = ()
    actor: Mapping[str, Any] | None = None

    def claims(self) -> dict[str, Any]:
        """The claims of RFC 9068 §2.2; `gid` and `purpose` are our own."""
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": self.audience,
            "client_id": self.client_id,
            "iat": int(self.issued_at.timestamp()),
            "exp": int(self.expires_at.timestamp()),
            "jti": self.id,
        }
        told = self.auth_time
        more = {
            "scope": " ".join(self.scope) or None,
            "gid": self.grant_id,
            "purpose": self.purpose,
            "acr": self.acr,
            "amr": list(self.amr) or None,
            "auth_time": None if told is None else int(told.timestamp()),
            "cnf": self._bonds(),
            "act": self.actor,
            "authorization_details": list(self.authorization_details) or None,
        }
        for name, value in more.items():
            if value is not None:
                claims[name] = value
        return claims

    def _bonds(self) -> Mapping[str, str] | None:
        bonds = {}
        if self.certificate_thumbprint is not None:
            bonds["x5t#S256"] = self.certificate_thumbprint
        if self.key_thumbprint is not None:
            bonds["jkt"] = self.key_thumbprint
        return bonds or None

    @property
    def type(self) -> str:
        """How it has to be presented — RFC 6749 §7.1, RFC 9449 §5."""
        return "Bearer" if self.key_thumbprint is None else "DPoP"


def new_id() -> str:
    """A `jti` that says nothing about anybody (P-1)."""
    return opaque.secret(16)


def encode(keys: Keys, token: AccessToken) -> str:
    """The token as a string, signed with ES256."""
    return jws.sign(keys, USE, TYPE, token.claims())


def decode(keys: Keys, issuer: str, value: str, now: datetime) -> AccessToken:
    """An access token of ours that has not expired. Raises jws.NotOurs.

    Whether its grant still lives is another question: see `active_tokens.ActiveTokens`.
    """
    _, token = signed_by(keys, value)
    check(token, issuer, now)
    return token


def signed_by(keys: Keys, value: str) -> tuple[str, AccessToken]:
    """The `kid` of the published key of ours that signed it, and what it says, whatever the time.
    Raises jws.NotOurs."""
    kid, claims = jws.signed_by(keys, (USE,), TYPE, value)
    return kid, _from_claims(claims)


def check(token: AccessToken, issuer: str, now: datetime) -> None:
    """Raises jws.NotOurs for a token of another issuer, or of another time."""
    if token.issuer != issuer:
        raise jws.NotOurs("another issuer")
    if token.expires_at <= now:
        raise jws.NotOurs("expired")
    if token.issued_at > now + timedelta(seconds=60):
        raise jws.NotOurs("issued in the future")


def _from_claims(claims: Mapping[str, Any]) -> AccessToken:
    # The signature is ours, so the members are as `claims()` wrote them.
    auth_time = claims.get("auth_time")
    return AccessToken(
        issuer=claims["iss"],
        subject=claims["sub"],
        audience=claims["aud"],
        client_id=claims["client_id"],
        scope=tuple(claims.get("scope", "").split()),
        issued_at=datetime.fromtimestamp(claims["iat"], UTC),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        id=claims["jti"],
        grant_id=claims.get("gid"),
        purpose=claims.get("purpose"),
        acr=claims.get("acr"),
        amr=tuple(claims.get("amr", ())),
        auth_time=None if auth_time is None else datetime.fromtimestamp(auth_time, UTC),
        certificate_thumbprint=claims.get("cnf", {}).get("x5t#S256"),
        key_thumbprint=claims.get("cnf", {}).get("jkt"),
        actor=claims.get("act"),
        authorization_details=tuple(claims.get("authorization_details", ())),
    )
