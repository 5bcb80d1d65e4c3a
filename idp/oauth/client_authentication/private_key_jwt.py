"""`private_key_jwt`: an assertion signed by the client, used once — RFC 7523 §2.2, §3."""

from __future__ import annotations

from datetime import timedelta

from foundation.database import Database
from idp.oauth import assertions
from idp.oauth.client import Client
from idp.oauth.client_authentication.credentials import Method, NotProven, Offered
from idp.oauth.tokens import foreign

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TYPES = ("client-authentication+jwt", "jwt", None)


class PrivateKeyJwt(Method):
    """`audiences`: the issuer, and the token endpoint for clients registered so (failures 7)."""

    name = "private_key_jwt"

    def __init__(self, database: Database, issuer: str, token_endpoints: tuple[str, ...]) -> None:
        self._database = database
        self._issuer = issuer
        self._token_endpoints = token_endpoints

    def prove(self, client: Client, offered: Offered) -> None:
        if offered.form.get("client_assertion_type") != ASSERTION_TYPE:
            raise NotProven(f"client_assertion_type must be {ASSERTION_TYPE}")
        try:
            claims = foreign.verified(offered.form["client_assertion"], client.jwks, _TYPES)
            if claims.get("iss") != client.id or claims.get("sub") != client.id:
                raise foreign.Refused("iss and sub must both be the client_id")
            foreign.check_audience(claims, self._audience(client, claims.get("aud")))
            expires = foreign.check_times(claims, offered.now)
            jti = foreign.identifier(claims)
        except foreign.Refused as reason:
            raise NotProven(f"the client assertion is refused: {reason}") from None
        with self._database.write() as uow:
            if not assertions.first_use(uow, client.id, jti, expires + timedelta(minutes=1)):
                raise NotProven("the client assertion is refused: its jti was used before")

    def _audience(self, client: Client, claimed: object) -> str:
        if client.assertion_audience == "token_endpoint" and claimed in self._token_endpoints:
            return str(claimed)
        return self._issuer


def client_id_of(assertion: str) -> str | None:
    """The client that an assertion names: unverified, only to find whose key to try."""
    import jwt

    try:
        claims = jwt.decode(assertion, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
    subject = claims.get("sub")
    return subject if isinstance(subject, str) else None
