"""The CIBA grant: a service asks until a person answered, or is told — CIBA Core 1.0 §10.1."""

from __future__ import annotations

from foundation.database import Database, UnitOfWork
from idp.oauth import backchannel_requests, grant_store
from idp.oauth.backchannel_requests import APPROVED, DENIED, PENDING, BackchannelRequest
from idp.oauth.client import CIBA
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


class CibaGrant:
    """An `auth_req_id` is used once, by its client, after the person allowed it."""

    name = CIBA

    def __init__(self, database: Database, families: Families) -> None:
        self._database = database
        self._families = families

    def propose(self, request: TokenRequest) -> Proposal:
        auth_req_id = request.form.required("auth_req_id", InvalidRequest)
        with self._database.read() as uow:
            found = backchannel_requests.of_service(uow, auth_req_id)
            given = None if found is None else found.grant_id
            grant = None if given is None else grant_store.find(uow, given)
        if found is None or found.client_id != request.client.id:
            raise InvalidGrant("The auth_req_id is unknown, or another client's.")
        if found.state in (PENDING, DENIED):
            self._not_yet(found, request)
        if found.state != APPROVED or grant is None:
            raise self._replayed(found, request)
        if found.is_over(request.now) or not grant.alive(request.now):
            raise ExpiredToken("The auth_req_id is too old, or its authorization ended; ask anew.")
        return Proposal(
            scope_limit=grant.scope,
            grant=grant,
            consume=lambda uow: self._consume(uow, found, grant, request),
            first=True,
        )

    def _not_yet(self, found: BackchannelRequest, request: TokenRequest) -> None:
        if found.state == DENIED:
            raise PersonRefused("The person refused.")
        if found.is_over(request.now):
            raise ExpiredToken("The auth_req_id is too old; ask anew (§11).")
        with self._database.write() as uow:
            in_time = backchannel_requests.polled(uow, found.digest, request.now)
        if not in_time:
            raise AskLessOften("Wait five seconds longer between two questions (§11).")
        raise AuthorizationPending("The person has not answered yet.")

    def _consume(
        self, uow: UnitOfWork, found: BackchannelRequest, grant: Grant, request: TokenRequest
    ) -> str | None:
        if not backchannel_requests.use(uow, found.digest):
            raise self._replayed(found, request)
        return first_refresh_token.issue(uow, grant, request)

    def _replayed(self, found: BackchannelRequest, request: TokenRequest) -> InvalidGrant:
        said = "The auth_req_id was used already; everything it gave is revoked."
        if found.grant_id is None:
            return InvalidGrant(said)
        ending = self._families.ending(found.grant_id, "an auth_req_id came twice", request.now)
        return InvalidGrant(said, consequence=ending)
