"""Revoking a token at its client's wish — RFC 7009 §2.1."""

from __future__ import annotations

from datetime import datetime

from foundation.database import Database
from foundation.keys import Keys
from idp.oauth import active_tokens, refresh_tokens
from idp.oauth.client import Client
from idp.oauth.errors import InvalidGrant
from idp.oauth.families import Families
from idp.oauth.tokens import access_token
from idp.oauth.tokens.jws import NotOurs

_BECAUSE = "the service revoked it"


class Revocation:
    """A refresh token takes its whole family along; an access token goes alone."""

    def __init__(self, database: Database, keys: Keys, families: Families, issuer: str) -> None:
        self._database = database
        self._keys = keys
        self._families = families
        self._issuer = issuer

    def revoke(self, client: Client, value: str, now: datetime) -> None:
        """End the token if it is this client's. An unknown token is no error (§2.2).

        Raises InvalidGrant for a token of another client (§2.1: the request is refused).
        """
        if not self._refresh_token(client, value, now):
            self._access_token(client, value, now)

    def _refresh_token(self, client: Client, value: str, now: datetime) -> bool:
        with self._database.write() as uow:
            found = refresh_tokens.find(uow, value)
            if found is None:
                return False
            if found.client_id != client.id:
                raise InvalidGrant("The token was issued to another client.")
            self._families.end(uow, found.grant_id, _BECAUSE, now)
        return True

    def _access_token(self, client: Client, value: str, now: datetime) -> None:
        try:
            token = access_token.decode(self._keys, self._issuer, value, now)
        except NotOurs:
            return
        if token.client_id != client.id:
            raise InvalidGrant("The token was issued to another client.")
        with self._database.write() as uow:
            active_tokens.revoke(uow, token)
