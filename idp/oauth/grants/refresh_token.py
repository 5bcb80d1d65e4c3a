"""The refresh grant: rotation, and an end to the family on reuse — RFC 6749 §6, RFC 9700 §4.14."""

from __future__ import annotations

from foundation.database import Database, UnitOfWork
from idp.oauth import grant_store, refresh_tokens
from idp.oauth.errors import InvalidGrant, InvalidRequest
from idp.oauth.families import Families
from idp.oauth.grant import Grant
from idp.oauth.grants.proposal import Proposal, TokenRequest
from idp.oauth.refresh_tokens import RefreshToken


class Refresh:
    """Each use gives a new refresh token; a used one that comes back ends the whole family."""

    name = "refresh_token"

    def __init__(self, database: Database, families: Families) -> None:
        self._database = database
        self._families = families

    def propose(self, request: TokenRequest) -> Proposal:
        value = request.form.required("refresh_token", InvalidRequest)
        with self._database.read() as uow:
            token = refresh_tokens.find(uow, value)
            grant = None if token is None else grant_store.find(uow, token.grant_id)
        if token is None or grant is None:
            raise InvalidGrant(
                "The refresh token is unknown, or another client's; have the person sign in again."
            )
        if token.client_id != request.client.id:
            raise InvalidGrant("The refresh token was issued to another client.")
        if token.used_at is not None:
            raise self._reused(token, request)
        if not grant.alive(request.now) or request.now >= token.expires_at:
            raise InvalidGrant(
                "The authorization behind this refresh token has ended; sign in again.",
                detail=grant.ended_because,
            )
        return Proposal(
            scope_limit=grant.scope,
            grant=grant,
            required_thumbprint=token.certificate_thumbprint,
            required_key=token.key_thumbprint,
            consume=lambda uow: self._consume(uow, token, grant, request),
        )

    def _consume(
        self, uow: UnitOfWork, token: RefreshToken, grant: Grant, request: TokenRequest
    ) -> str | None:
        if request.client.profile is not None:
            # FAPI 2.0 Security Profile §5.3.2.1: whoever shows it has proven a key, so it stays;
            # an answer that got lost costs nobody the sign-in.
            return None
        if not refresh_tokens.use(uow, token.digest, request.now):
            raise self._reused(token, request)
        return refresh_tokens.issue(
            uow,
            grant_id=grant.id,
            client_id=grant.client_id,
            certificate_thumbprint=token.certificate_thumbprint,
            now=request.now,
            expires_at=grant.expires_at,
            key_thumbprint=token.key_thumbprint,
        )

    def _reused(self, token: RefreshToken, request: TokenRequest) -> InvalidGrant:
        # Thief and owner cannot be told apart, so neither keeps anything (failures 8).
        return InvalidGrant(
            "The refresh token was used before; its whole family has ended. Sign in again.",
            consequence=self._families.ending(
                token.grant_id, "a refresh token was used twice", request.now
            ),
        )
