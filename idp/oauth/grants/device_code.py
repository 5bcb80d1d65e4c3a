"""The device code grant: a device asks until the person has answered — RFC 8628 §3.4, §3.5."""

from __future__ import annotations

from foundation.database import Database, UnitOfWork
from idp.oauth import device_codes, grant_store
from idp.oauth.client import DEVICE_CODE
from idp.oauth.device_codes import APPROVED, DENIED, PENDING, DeviceCode
from idp.oauth.errors import (
    AskLessOften,
    AuthorizationPending,
    ExpiredToken,
    InvalidGrant,
    InvalidRequest,
    PersonRefused,
)
from idp.oauth.families import Families
from idp.oauth.grant import Grant
from idp.oauth.grants import first_refresh_token
from idp.oauth.grants.proposal import Proposal, TokenRequest


class DeviceCodeGrant:
    """A device code is used once, by its client, after a person allowed it."""

    name = DEVICE_CODE

    def __init__(self, database: Database, families: Families) -> None:
        self._database = database
        self._families = families

    def propose(self, request: TokenRequest) -> Proposal:
        code = request.form.required("device_code", InvalidRequest)
        with self._database.read() as uow:
            found = device_codes.of_device(uow, code)
            given = None if found is None else found.grant_id
            grant = None if given is None else grant_store.find(uow, given)
        if found is None or found.client_id != request.client.id:
            raise InvalidGrant("The device code is unknown, or another client's.")
        if found.state in (PENDING, DENIED):
            self._not_yet(found, request)
        if found.state != APPROVED or grant is None:
            raise self._replayed(found, request)
        if found.is_over(request.now) or not grant.alive(request.now):
            raise ExpiredToken("The device code is too old, or its authorization ended; ask anew.")
        return Proposal(
            scope_limit=grant.scope,
            grant=grant,
            consume=lambda uow: self._consume(uow, found, grant, request),
            first=True,
        )

    def _not_yet(self, found: DeviceCode, request: TokenRequest) -> None:
        if found.state == DENIED:
            raise PersonRefused("The person refused.")
        if found.is_over(request.now):
            raise ExpiredToken("The device code is too old; ask for a new one (§3.5).")
        with self._database.write() as uow:
            in_time = device_codes.polled(uow, found.digest, request.now)
        if not in_time:
            raise AskLessOften("Wait five seconds longer between two questions (§3.5).")
        raise AuthorizationPending("The person has not answered yet.")

    def _consume(
        self, uow: UnitOfWork, found: DeviceCode, grant: Grant, request: TokenRequest
    ) -> str | None:
        if not device_codes.use(uow, found.digest):
            raise self._replayed(found, request)
        return first_refresh_token.issue(uow, grant, request)

    def _replayed(self, found: DeviceCode, request: TokenRequest) -> InvalidGrant:
        said = "The device code was used already; everything it gave is revoked."
        if found.grant_id is None:
            return InvalidGrant(said)
        ending = self._families.ending(found.grant_id, "a device code was used twice", request.now)
        return InvalidGrant(said, consequence=ending)
