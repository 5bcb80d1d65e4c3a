"""Is this access token alive now? One answer everywhere: dead means dead — RFC 7662 §2.2."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, exists, func, select
from sqlalchemy.dialects import postgresql, sqlite

from foundation.database import Database, UnitOfWork
from foundation.keys import Keys
from idp.oauth import grant_store
from idp.oauth.client import Client
from idp.oauth.clients import Clients
from idp.oauth.cut_offs import EVERYBODY
from idp.oauth.grant import Grant
from idp.oauth.tables import cut_offs, revoked_tokens
from idp.oauth.tokens.access_token import AccessToken
from idp.oauth.tokens.jws import NotOurs
from idp.oauth.tokens.signatures import Signatures

# Asked at every endpoint for every token: built once, and one journey to the database.
_ENDED = select(
    exists().where(revoked_tokens.c.jti == bindparam("jti")).label("revoked"),
    select(func.max(cut_offs.c.issued_until))
    .where(cut_offs.c.client_id.in_([bindparam("client_id"), EVERYBODY]))
    .scalar_subquery()
    .label("until"),
)
_AHEAD = timedelta(minutes=1)
DeviceIsActive = Callable[[str, datetime], bool]


@dataclass(frozen=True, slots=True)
class ActiveToken:
    """An access token that every record of ours says is alive. `grant` is None for a client's
    own token."""

    token: AccessToken
    client: Client
    grant: Grant | None


class ActiveTokens:
    """Looks at the signature, the grant, the client or device, and single revocations."""

    def __init__(
        self,
        database: Database,
        keys: Keys,
        clients: Clients,
        issuer: str,
        device_is_active: DeviceIsActive,
    ) -> None:
        self._database = database
        self._signatures = Signatures(keys, issuer)
        self._clients = clients
        self._device_is_active = device_is_active

    def find(self, value: str, now: datetime) -> ActiveToken:
        """The live token. Raises NotOurs for anything else; the words are for the log."""
        token = self._signatures.token(value, now)
        client = self._clients.find(token.client_id, now)
        if client is None or not client.active:
            raise NotOurs("its client is not active")
        with self._database.read() as uow:
            self._refuse_revoked(uow, token, now)
            grant = None if token.grant_id is None else grant_store.find(uow, token.grant_id)
        if token.grant_id is not None and (grant is None or not grant.alive(now)):
            raise NotOurs("its grant has ended")
        if client.kind == "device" and not self._device_is_active(client.id, now):
            raise NotOurs("its device is not active")
        return ActiveToken(token, client, grant)

    def _refuse_revoked(self, uow: UnitOfWork, token: AccessToken, now: datetime) -> None:
        said = uow.one(_ENDED, {"jti": token.id, "client_id": token.client_id})
        assert said is not None  # noqa: S101 - a select without FROM has one row
        if said.revoked:
            raise NotOurs("it was revoked")
        # Rows that somebody deleted are remembered; a clock that was ahead is not believed.
        revoked, *ended = uow.refused_at(
            (revoked_tokens, {"jti": token.id}),
            (cut_offs, {"client_id": token.client_id}),
            (cut_offs, {"client_id": EVERYBODY}),
        )
        if revoked is not None:
            raise NotOurs("it was revoked")
        instants = [said.until, *(at for at in ended if at is None or at <= now + _AHEAD)]
        if token.grant_id is None and any(at and token.issued_at <= at for at in instants):
            raise NotOurs("tokens of its client were ended")


def revoke(uow: UnitOfWork, token: AccessToken) -> None:
    """End one access token before its time; idempotent."""
    dialect = uow.connection.dialect.name
    build = postgresql.insert if dialect == "postgresql" else sqlite.insert
    row = {"jti": token.id, "expires_at": token.expires_at}
    uow.execute(build(revoked_tokens).values(**row).on_conflict_do_nothing())
