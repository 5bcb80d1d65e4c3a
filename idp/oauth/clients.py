"""The clients of this deployment: our own table, the devices, and other sources — RFC 7591."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, insert, select, update

from foundation import opaque
from foundation.audit import Actor, Audit
from foundation.database import Database, UnitOfWork
from foundation.errors import BadRequest, NotFound
from foundation.marking import N_
from foundation.rates import Rates
from idp.oauth import client_addresses, cut_offs, registration, suspensions
from idp.oauth.alteration import Alteration
from idp.oauth.client import (
    DEVICE_PREFIXES,
    PRE_AUTHORIZED_CODE,
    SECRET_METHODS,
    Client,
    device_client,
)
from idp.oauth.event_tables import signal_streams, signals
from idp.oauth.ports import ClientSource
from idp.oauth.secrets import LONGEST_OVERLAP, ClientSecrets
from idp.oauth.tables import clients

OPERATOR = Actor("system", "operator")
FRESH = timedelta(seconds=1)
"""How long a client is taken as read: what another process changed is seen after that."""

REMOVED = "removed"
_UNKNOWN = "oauth.unknown_client"
_BY_ID = select(clients).where(clients.c.id == bindparam("client_id"))
Complete = Callable[[Client], Client]
"""Checks a client against the catalogue of purposes and attributes, and completes it."""


@dataclass(frozen=True, slots=True)
class AddedClient:
    """A new client; `secret` is shown this once, and None for methods without one."""

    client: Client
    secret: str | None


@dataclass(frozen=True, slots=True)
class PreparedClient:
    """A client that can be added; `metadata` is what its registration will say."""

    client: Client
    secret: str | None
    metadata: Mapping[str, Any]


class Clients:
    """Finds clients, and keeps those that an operator added."""

    def __init__(
        self,
        database: Database,
        secrets: ClientSecrets,
        audit: Audit,
        *,
        development: bool,
        complete: Complete,
        rates: Rates,
        unknown_per_minute: int,
        sources: Sequence[ClientSource] = (),
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._audit = audit
        self._development = development
        self._complete = complete
        self._rates = rates
        self._unknown_per_minute = unknown_per_minute
        self._sources = tuple(sources)
        # Parsed once while the row stays the same; as many entries as the table has rows.
        self._parsed: dict[str, tuple[Mapping[str, Any], Client]] = {}
        self._seen: dict[str, tuple[datetime, Client]] = {}

    def add(
        self,
        metadata: Mapping[str, Any],
        now: datetime,
        *,
        client_id: str | None = None,
        actor: Actor = OPERATOR,
    ) -> AddedClient:
        """Register a client. Raises members.InvalidClientMetadata that names the member."""
        if metadata.get("profile") is None:
            metadata = {**registration.LEFT_OPEN, **metadata}
        prepared = self.prepare(metadata, client_id or opaque.identifier("svc"))
        with self._database.write() as uow:
            self.insert(uow, prepared, now, actor)
        return AddedClient(prepared.client, prepared.secret)

    def prepare(self, metadata: Mapping[str, Any], client_id: str) -> PreparedClient:
        """A client that is valid, and not written down yet. Raises
        members.InvalidClientMetadata that names the member."""
        parsed = registration.parse(client_id, metadata, development=self._development)
        client, secret = self._complete(parsed), None
        if client.token_endpoint_auth_method in SECRET_METHODS:
            secret, mac = self._secrets.new(client_id)
            client = replace(client, secret_mac=mac)
        return PreparedClient(client, secret, dict(metadata))

    def insert(
        self, uow: UnitOfWork, prepared: PreparedClient, now: datetime, actor: Actor, **more: Any
    ) -> None:
        """Write it down; `more` stands in the audit."""
        client = prepared.client
        uow.execute(
            insert(clients).values(
                id=client.id,
                name=client.name,
                state="active",
                registration=dict(prepared.metadata),
                secret_mac=client.secret_mac,
                created_at=now,
            )
        )
        client_addresses.write(uow, client)
        self._audit.record(uow, "client.added", actor, details={"client": client.id, **more})

    def new_secret(
        self, client_id: str, reason: str, now: datetime, actor: Actor, overlap: timedelta
    ) -> str:
        """Replace a client's secret; the old one works on for `overlap`, and no longer.

        Without an overlap (it leaked) the tokens that the client got for itself die with it.
        Raises NotFound, BadRequest.
        """
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            raise BadRequest(
                N_(
                    "Two secrets work side by side for %(days)s days at most.",
                    days=LONGEST_OVERLAP.days,
                ),
                where="overlap",
                next_step="Write 0 when the old secret leaked: it is dead at once then.",
            )
        value, mac = self._secrets.new(client_id)
        with_secret = (clients.c.id == client_id) & clients.c.secret_mac.is_not(None)
        rotated = update(clients).where(with_secret)
        until = now + overlap if overlap else None
        with self._database.write() as uow:
            changed = uow.changed(
                rotated.values(
                    previous_secret_mac=clients.c.secret_mac if overlap else None,
                    previous_secret_until=until,
                    secret_mac=mac,
                )
            )
            if changed == 0:
                raise NotFound(
                    N_("There is no client %(client_id)s with a secret.", client_id=client_id),
                    where="client_id",
                    next_step="Look at the list of services: civitas clients list.",
                )
            if not overlap:
                cut_offs.cut_off(uow, client_id, now)
            details = {"client": client_id, "reason": reason, "old_until": until}
            self._audit.record(uow, "client.secret_replaced", actor, details=details)
        self._seen.pop(client_id, None)
        return value

    def lock_secret(self, uow: UnitOfWork, client_id: str) -> None:
        """Nobody knows its secret from now on, until a new one is made."""
        _, mac = self._secrets.new(client_id)
        with_secret = _there(client_id) & clients.c.secret_mac.is_not(None)
        locked = {"secret_mac": mac, "previous_secret_mac": None, "previous_secret_until": None}
        uow.execute(update(clients).where(with_secret).values(**locked))
        self._seen.pop(client_id, None)

    def suspend(
        self, uow: UnitOfWork, client_id: str, reason: str, actor: Actor, now: datetime
    ) -> None:
        """Serve it no more, whoever vouches for it; every process sees it within a second.

        What it was given does not work while it is suspended. Raises NotFound.
        """
        ours = update(clients).where(_there(client_id)).values(state="suspended")
        if uow.changed(ours) == 0:
            if not self._elsewhere(client_id):
                raise _unknown(client_id)
            suspensions.add(uow, client_id, now)
        self._told(uow, "client.suspended", client_id, reason, actor)

    def resume(
        self, uow: UnitOfWork, client_id: str, reason: str, actor: Actor, now: datetime
    ) -> None:
        """Serve it again. Raises NotFound."""
        ours = update(clients).where(_there(client_id)).values(state="active")
        if uow.changed(ours) == 0 and not suspensions.remove(uow, client_id, now):
            raise _unknown(client_id)
        self._told(uow, "client.active", client_id, reason, actor)

    def remove(
        self, uow: UnitOfWork, client_id: str, reason: str, actor: Actor, now: datetime
    ) -> None:
        """Serve it never again. Its row stays, so that people read its name in their ledger, and
        so that nobody else gets its identifier. Raises NotFound."""
        gone = (
            update(clients)
            .where(_there(client_id))
            .values(
                state=REMOVED, secret_mac=None, previous_secret_mac=None, previous_secret_until=None
            )
        )
        if uow.changed(gone) == 0:
            raise _unknown(client_id)
        client_addresses.forget(uow, client_id)
        for table in (signals, signal_streams):
            uow.execute(delete(table).where(table.c.client_id == client_id))
        self._told(uow, "client.removed", client_id, reason, actor)

    def altered(
        self, uow: UnitOfWork, client_id: str, changes: Mapping[str, Any], *, locked: bool = False
    ) -> Alteration:
        """What the registration would be with these members; None takes one away. `locked`: it
        stays as it is until the caller's unit of work is done.

        Raises NotFound, and members.InvalidClientMetadata that names the member.
        """
        row = uow.one(_BY_ID.with_for_update() if locked else _BY_ID, {"client_id": client_id})
        if row is None or row.state == REMOVED:
            raise _unknown(client_id)
        said = {**row.registration, **changes}
        for member, other in (("scope", "scopes"), ("purposes", "purpose")):
            if member in changes:
                said.pop(other, None)
        said = {name: value for name, value in said.items() if value is not None}
        before = self._client(row)
        after = self._complete(registration.parse(client_id, said, development=self._development))
        return Alteration(before, replace(after, active=before.active), said)

    def change(
        self, uow: UnitOfWork, alteration: Alteration, reason: str, actor: Actor, now: datetime
    ) -> str | None:
        """Write it down; a new secret, where the client gets its first."""
        after, before = alteration.after, alteration.before
        values: dict[str, Any] = {"name": after.name, "registration": dict(alteration.metadata)}
        secret = None
        if (
            after.token_endpoint_auth_method in SECRET_METHODS
            and before.token_endpoint_auth_method not in SECRET_METHODS
        ):
            secret, values["secret_mac"] = self._secrets.new(after.id)
            values |= {"previous_secret_mac": None, "previous_secret_until": None}
        uow.execute(update(clients).where(_there(after.id)).values(**values))
        client_addresses.write(uow, after)
        self._told(uow, "client.changed", after.id, reason, actor, members=alteration.members)
        return secret

    def registration_of(self, client_id: str) -> Mapping[str, Any]:
        """What the registration of a client of our own table says. Raises NotFound."""
        return self.registered(client_id)[0]

    def registered(self, client_id: str) -> tuple[dict[str, Any], datetime]:
        """The same, and since when it is registered. Raises NotFound."""
        with self._database.read() as uow:
            row = uow.one(_BY_ID, {"client_id": client_id})
        if row is None:
            raise _unknown(client_id)
        return dict(row.registration), row.created_at

    def registrations(self, uow: UnitOfWork) -> dict[str, tuple[str, Mapping[str, Any]]]:
        """Of all clients of our own table, also removed ones: the state, and what the registration
        says. They stay as they are until the caller's unit of work is done."""
        rows = uow.all(select(clients).order_by(clients.c.created_at, clients.c.id))
        return {row.id: (row.state, row.registration) for row in rows}

    def suspended_elsewhere(self) -> Sequence[str]:
        """Ids of suspended clients that are not of our own table."""
        with self._database.read() as uow:
            return suspensions.all_(uow)

    def _told(
        self, uow: UnitOfWork, kind: str, client_id: str, reason: str, actor: Actor, **more: Any
    ) -> None:
        details = {"client": client_id, "reason": reason, **more}
        self._audit.record(uow, kind, actor, details=details)
        self._seen.pop(client_id, None)

    def _elsewhere(self, client_id: str) -> bool:
        """Whether this is the name of a client that another source may vouch for."""
        return bool(self._sources) and "://" in client_id

    def list(self, *, removed: bool = False) -> list[Client]:
        """All clients of our own table, oldest first; with `removed`, those that were."""
        query = select(clients).order_by(clients.c.created_at, clients.c.id)
        with self._database.read() as uow:
            rows = uow.all(query if removed else query.where(clients.c.state != REMOVED))
        return [self._client(row) for row in rows]

    def find(self, client_id: str, now: datetime) -> Client | None:
        """The client of this id: ours, a device, or one that another source vouches for now."""
        if not 0 < len(client_id) <= 2048 or not client_id.isprintable():
            return None
        if client_id.startswith(DEVICE_PREFIXES):
            return device_client(client_id)
        seen = self._seen.get(client_id)
        if seen is not None and timedelta(0) <= now - seen[0] < FRESH:
            return seen[1]
        with self._database.read() as uow:
            row = uow.one(_BY_ID, {"client_id": client_id})
        if row is not None:
            ours = self._client(row)
            self._seen[client_id] = (now, ours)
            return ours
        for source in self._sources:
            found = source.find(client_id, now)
            if found is not None:
                with self._database.read() as uow:
                    suspended = suspensions.stands(uow, client_id)
                return replace(self._complete(found), active=not suspended)
        return None

    def find_for(self, network: str, client_id: str, now: datetime) -> Client | None:
        """As `find`, for a name that anybody may have sent from this network.

        A name that we have to ask others about is counted before we ask, and taken back when
        somebody vouches for it: nobody makes us send requests at will (failures 6). Raises
        TooManyRequests.
        """
        if not any(source.would_fetch(client_id, now) for source in self._sources):
            return self.find(client_id, now)
        limit, minute = self._unknown_per_minute, timedelta(minutes=1)
        with self._database.write() as uow:
            counted = self._rates.attempt_from(
                uow, _UNKNOWN, network, limit, minute, now, shared=True
            )
        found = self.find(client_id, now)
        with self._database.write() as uow:
            if found is not None:
                self._rates.right_from(uow, counted)
            else:
                self._rates.wrong_from(uow, _UNKNOWN, network, limit, minute, now)
        return found

    def of_resource(self, resource: str) -> Client | None:
        """The client that receives tokens under this resource URI."""
        found = self._at(client_addresses.resource(resource))
        return next((c for c in found if c.resource == resource), None)

    def wallets(self) -> Sequence[Client]:
        """The wallets that people may have credentials ready for, oldest first."""
        found = self._at(client_addresses.wallets())
        return [client for client in found if PRE_AUTHORIZED_CODE in client.grant_types]

    def beginnings(self) -> Sequence[Client]:
        """The services at which we may begin a sign-in, by name: those that an operator added. Who
        registered itself is put before nobody (OpenID Connect Core §4)."""
        found = self._at(client_addresses.beginnings())
        ours = [c for c in found if c.initiate_login_uri is not None and not c.registered_itself]
        return sorted(ours, key=lambda client: (client.name.casefold(), client.id))

    def has_pages_of(self, origin: str) -> bool:
        """Whether a public client has pages of this origin (RFC 6454 §6.2, in lower case)."""
        found = self._at(client_addresses.pages(origin))
        return any(c.is_public and c.owns_origin(origin) for c in found)

    def _at(self, address: bytes) -> Sequence[Client]:
        with self._database.read() as uow:
            rows = client_addresses.at(uow, address)
        return [self._client(row) for row in rows]

    def _client(self, row: Any) -> Client:
        known = self._parsed.get(row.id)
        if known is None or known[0] != row.registration:
            parsed = registration.parse(row.id, row.registration, development=self._development)
            known = self._parsed[row.id] = (row.registration, self._complete(parsed))
        return replace(
            known[1],
            active=row.state == "active",
            removed=row.state == REMOVED,
            secret_mac=row.secret_mac,
            previous_secret_mac=row.previous_secret_mac,
            previous_secret_until=row.previous_secret_until,
        )


def _there(client_id: str) -> ColumnElement[bool]:
    return (clients.c.id == client_id) & (clients.c.state != REMOVED)


def _unknown(client_id: str) -> NotFound:
    return NotFound(
        N_("There is no client %(client_id)s.", client_id=client_id),
        where="client_id",
        next_step="Look at the list of services: civitas clients list.",
    )
