"""The authorization code grant — RFC 6749 §4.1.3, RFC 7636 §4.6."""

from __future__ import annotations

from foundation.clock import begun
from foundation.database import Database, UnitOfWork
from idp.oauth import codes, grant_store, pkce
from idp.oauth.codes import Code
from idp.oauth.errors import InvalidGrant, InvalidRequest
from idp.oauth.families import Families
from idp.oauth.grant import Grant
from idp.oauth.grants import first_refresh_token
from idp.oauth.grants.proposal import Proposal, TokenRequest


class AuthorizationCode:
    """A code is used once, by its client, for its redirect, with its verifier."""

    name = "authorization_code"

    def __init__(self, database: Database, families: Families) -> None:
        self._database = database
        self._families = families

    def propose(self, request: TokenRequest) -> Proposal:
        value = request.form.required("code", InvalidRequest)
        with self._database.read() as uow:
            code = codes.find(uow, value)
            grant = None if code is None else grant_store.find(uow, code.grant_id)
        if code is None or grant is None:
            raise InvalidGrant(
                "The code is unknown, or another client's; send the person to sign in again."
            )
        self._check_owner(code, request)
        self._check_verifier(code, request)
        self._check_key(code, request)
        if not grant.alive(request.now):
            raise InvalidGrant("The authorization behind this code has ended; sign in again.")
        return Proposal(
            scope_limit=grant.scope,
            grant=grant,
            consume=lambda uow: self._consume(uow, code, grant, request),
            first=True,
        )

    def _check_owner(self, code: Code, request: TokenRequest) -> None:
        if code.client_id != request.client.id:
            raise InvalidGrant("The code was issued to another client.")
        if code.redeemed_at is not None:
            raise self._replayed(code, request)
        if request.now >= code.expires_at or not begun(code.issued_at, request.now):
            raise InvalidGrant("The code has expired; sign in again.")
        given = request.form.required("redirect_uri", InvalidRequest)
        if given != code.redirect_uri:
            raise InvalidGrant(
                "redirect_uri is not the one of the authorization request.",
                consequence=self._families.ending(
                    code.grant_id, "a code came with another redirect_uri", request.now
                ),
            )

    def _check_verifier(self, code: Code, request: TokenRequest) -> None:
        verifier = request.form.get("code_verifier") or ""
        if not code.code_challenge and not verifier:
            return  # asked for without one: the client compares its nonce
        if not pkce.proves(verifier, code.code_challenge):
            # Whoever has the code but not the verifier did not begin this sign-in. A verifier
            # without a challenge: somebody took the challenge out on the way (RFC 9700 §4.8.2).
            raise InvalidGrant(
                "code_verifier does not match the code_challenge (RFC 7636 §4.6)."
                if code.code_challenge
                else "A code_verifier came, but the authorization request had no code_challenge "
                "(RFC 9700 §4.8.2); send both, or neither.",
                consequence=self._families.ending(
                    code.grant_id, "a code came with a wrong verifier", request.now
                ),
            )

    def _check_key(self, code: Code, request: TokenRequest) -> None:
        if code.key_thumbprint not in (None, request.key_thumbprint):
            # RFC 9449 §10: as with a wrong verifier, it was somebody else who began.
            raise InvalidGrant(
                "The code is bound to another key: dpop_jkt of the authorization request is not "
                "the thumbprint of the key of this DPoP proof (RFC 9449 §10).",
                consequence=self._families.ending(
                    code.grant_id, "a code came with another key", request.now
                ),
            )

    def _consume(
        self, uow: UnitOfWork, code: Code, grant: Grant, request: TokenRequest
    ) -> str | None:
        if not codes.redeem(uow, code.digest, request.now):
            raise self._replayed(code, request)
        return first_refresh_token.issue(uow, grant, request)

    def _replayed(self, code: Code, request: TokenRequest) -> InvalidGrant:
        # RFC 6749 §4.1.2: a replay revokes everything that the code gave.
        return InvalidGrant(
            "The code was used already; everything it gave is revoked.",
            consequence=self._families.ending(
                code.grant_id, "an authorization code was used twice", request.now
            ),
        )
