"""The pre-authorised code grant: what a person has ready for their wallet — OpenID4VCI §3.5, §6.

The person chose wallet and credential in their account, signed in, and read there the transaction
code that they type: an offer that somebody else scans is worth nothing without it.
"""

from __future__ import annotations

from foundation.database import Database, UnitOfWork
from foundation.keys import Keys
from idp.oauth import grant_store, pre_authorized_codes
from idp.oauth.client import PRE_AUTHORIZED_CODE
from idp.oauth.errors import InvalidGrant, InvalidRequest
from idp.oauth.families import Families
from idp.oauth.grant import Grant
from idp.oauth.grants import first_refresh_token
from idp.oauth.grants.proposal import Proposal, TokenRequest
from idp.oauth.pre_authorized_codes import PreAuthorizedCode


class PreAuthorizedCodeGrant:
    """A code is used once, by the wallet that it is for, with what its person typed."""

    name = PRE_AUTHORIZED_CODE

    def __init__(self, database: Database, keys: Keys, families: Families) -> None:
        self._database = database
        self._keys = keys
        self._families = families

    def propose(self, request: TokenRequest) -> Proposal:
        value = request.form.required("pre-authorized_code", InvalidRequest)
        with self._database.read() as uow:
            found = pre_authorized_codes.find(uow, value)
            grant = None if found is None else grant_store.find(uow, found.grant_id)
        if found is None or grant is None or found.client_id != request.client.id:
            raise InvalidGrant("The pre-authorized code is unknown, or for another wallet.")
        if found.used_at is not None:
            raise self._replayed(found, request)
        if found.is_over(request.now) or not grant.alive(request.now):
            raise InvalidGrant("The offer is over; the person makes a new one in their account.")
        self._check_typed(found, request)
        return Proposal(
            scope_limit=grant.scope,
            grant=grant,
            consume=lambda uow: self._consume(uow, found, grant, request),
            first=True,
        )

    def _check_typed(self, found: PreAuthorizedCode, request: TokenRequest) -> None:
        typed = request.form.get("tx_code")
        if not typed:
            raise InvalidRequest("tx_code is missing: the person reads it in their account (§6.1).")
        if pre_authorized_codes.is_right(self._keys, found, typed):
            return
        with self._database.write() as uow:
            counted = pre_authorized_codes.try_in_vain(uow, found)
            if not counted or found.tries_left <= 1:
                self._families.end(
                    uow, found.grant_id, "the code of an offer was wrong too often", request.now
                )
        raise InvalidGrant("tx_code is not the one of this offer (§6.3).")

    def _consume(
        self, uow: UnitOfWork, found: PreAuthorizedCode, grant: Grant, request: TokenRequest
    ) -> str | None:
        if not pre_authorized_codes.use(uow, found.digest, request.now):
            raise self._replayed(found, request)
        return first_refresh_token.issue(uow, grant, request)

    def _replayed(self, found: PreAuthorizedCode, request: TokenRequest) -> InvalidGrant:
        # As with an authorization code (RFC 6749 §4.1.2): of two who show it, one is a thief.
        return InvalidGrant(
            "The pre-authorized code was used already; everything it gave is revoked.",
            consequence=self._families.ending(
                found.grant_id, "a pre-authorized code was used twice", request.now
            ),
        )
