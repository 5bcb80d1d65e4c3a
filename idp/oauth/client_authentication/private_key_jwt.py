"""`private_key_jwt`: an assertion signed by the client, used once — RFC 7523 §2.2, §3."""

from __future__ import annotations

from datetime import timedelta

from foundation.database import Database
from idp.oauth import assertions
from idp.oauth.client import Client
from idp.oauth.client_authentication.credentials import Method, NotProven, Offered
from idp.oauth.keys_of_clients import KeysOfClients
from idp.oauth.tokens import foreign

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TYPES = ("client-authentication+jwt", "jwt", None)


class PrivateKeyJwt(Method):
    """`hosts`: where our endpoints are reached, the issuer first.

    Whom an assertion is for: the issuer; unless the client's profile forbids it (FAPI), also the
    token endpoint (OpenID Connect Core §9) or the one that it is sent to, as RFC 7521 §4.2 leaves
    it to agreement and clients in use do at revocation and introspection.
    """

    name = "private_key_jwt"

    def __init__(
        self,
        database: Database,
        hosts: tuple[str, ...],
        token_path: str,
        keys: KeysOfClients,
    ) -> None:
        self._database = database
        self._hosts = hosts
        self._token_path = token_path
        self._keys = keys

    def prove(self, client: Client, offered: Offered) -> None:
        if offered.form.get("client_assertion_type") != ASSERTION_TYPE:
            raise NotProven(f"client_assertion_type must be {ASSERTION_TYPE}")
        try:
            assertion = offered.form["client_assertion"]
            claims = self._keys.verified(client, assertion, _TYPES, offered.now)
            if claims.get("iss") != client.id or claims.get("sub") != client.id:
                raise foreign.Refused("iss and sub must both be the client_id")
            if client.profile is not None and not isinstance(claims.get("aud"), str):
                # FAPI 2.0 Security Profile §5.3.2.1: as a text, and nothing else.
                raise foreign.Refused(f"aud must be {self._hosts[0]}, as a text")
            foreign.check_audience(claims, *self._audiences(client, offered.path))
            expires = foreign.check_times(claims, offered.now)
            jti = foreign.identifier(claims)
        except foreign.Refused as reason:
            raise NotProven(f"the client assertion is refused: {reason}") from None
        with self._database.write() as uow:
            if not assertions.first_use(uow, client.id, jti, expires + timedelta(minutes=1)):
                raise NotProven("the client assertion is refused: its jti was used before")

    def _audiences(self, client: Client, path: str) -> tuple[str, ...]:
        issuer = self._hosts[0]
        if client.assertion_audience == "issuer":
            return (issuer,)
        paths = dict.fromkeys((self._token_path, path))
        return (issuer, *(host + path for path in paths for host in self._hosts))


def client_id_of(assertion: str) -> str | None:
    """The client that an assertion names: unverified, only to find whose key to try."""
    import jwt

    try:
        claims = jwt.decode(assertion, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
    subject = claims.get("sub")
    return subject if isinstance(subject, str) else None
