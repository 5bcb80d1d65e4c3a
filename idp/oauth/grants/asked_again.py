"""What grants have in common that a person answers meanwhile: who asked comes again until then.

RFC 8628 §3.4, §3.5; CIBA Core 1.0 §10.1, §11.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from typing import ClassVar, Generic, Protocol, TypeVar

from foundation.database import Database, UnitOfWork
from idp.oauth import grant_store
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

PENDING, APPROVED, DENIED = "pending", "approved", "denied"


class Waiting(Protocol):
    """A request as stored, that a person has answered, or has not yet."""

    @property
    def digest(self) -> bytes: ...
    @property
    def client_id(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def grant_id(self) -> str | None: ...
    def is_over(self, now: datetime) -> bool: ...


W = TypeVar("W", bound=Waiting)


class AskedAgainGrant(ABC, Generic[W]):
    """It is used once, by its client, after the person allowed it."""

    name: str
    member: ClassVar[str]
    """The parameter of the token request that brings it."""
    called: ClassVar[str]
    """How errors and the log call it."""

    def __init__(self, database: Database, families: Families) -> None:
        self._database = database
        self._families = families

    @abstractmethod
    def find(self, uow: UnitOfWork, secret: str) -> W | None:
        """What was asked, in whatever state."""

    @abstractmethod
    def polled(self, uow: UnitOfWork, digest: bytes, now: datetime) -> bool:
        """Note that it was asked for. False if that was too soon after the last time."""

    @abstractmethod
    def use(self, uow: UnitOfWork, digest: bytes) -> bool:
        """approved → used. False if it was used before."""

    def propose(self, request: TokenRequest) -> Proposal:
        secret = request.form.required(self.member, InvalidRequest)
        with self._database.read() as uow:
            found = self.find(uow, secret)
            given = None if found is None else found.grant_id
            grant = None if given is None else grant_store.find(uow, given)
        if found is None or found.client_id != request.client.id:
            raise InvalidGrant(f"The {self.called} is unknown, or another client's.")
        if found.state in (PENDING, DENIED):
            self._not_yet(found, request)
        if found.state != APPROVED or grant is None:
            raise self._replayed(found, request)
        if found.is_over(request.now) or not grant.alive(request.now):
            raise ExpiredToken(
                f"The {self.called} is too old, or its authorization ended; ask anew."
            )
        return Proposal(
            scope_limit=grant.scope,
            grant=grant,
            consume=lambda uow: self._consume(uow, found, grant, request),
            first=True,
        )

    def _not_yet(self, found: W, request: TokenRequest) -> None:
        if found.state == DENIED:
            raise PersonRefused("The person refused.")
        if found.is_over(request.now):
            raise ExpiredToken(f"The {self.called} is too old; ask for a new one.")
        with self._database.write() as uow:
            in_time = self.polled(uow, found.digest, request.now)
        if not in_time:
            raise AskLessOften("Wait five seconds longer between two questions.")
        raise AuthorizationPending("The person has not answered yet.")

    def _consume(
        self, uow: UnitOfWork, found: W, grant: Grant, request: TokenRequest
    ) -> str | None:
        if not self.use(uow, found.digest):
            raise self._replayed(found, request)
        return first_refresh_token.issue(uow, grant, request)

    def _replayed(self, found: W, request: TokenRequest) -> InvalidGrant:
        said = f"The {self.called} was used already; everything it gave is revoked."
        if found.grant_id is None:
            return InvalidGrant(said)
        because = f"the {self.called} came twice"
        ending = self._families.ending(found.grant_id, because, request.now)
        return InvalidGrant(said, consequence=ending)
