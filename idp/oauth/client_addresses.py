"""Clients found by what they are reached at: their pages' origins, their resource, sign-outs.

A row here leads to a client and no further: what it is, and whether it is at all, its own row says.
Only public clients have pages that read our answers, so only theirs are kept. All but those that
hear of sign-outs are of our own table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from foundation import opaque
from foundation.cross_origin import origin as origin_of
from foundation.database import Database, UnitOfWork
from idp.oauth import members, redirects, registration
from idp.oauth.client import PRE_AUTHORIZED_CODE, Client
from idp.oauth.tables import client_addresses as addresses
from idp.oauth.tables import clients

_SIGN_OUT = opaque.digest("sign-out")
HEARS_OF_SIGN_OUT = select(addresses.c.client_id).where(addresses.c.digest == _SIGN_OUT)
"""The ids of clients that registered to be told, server to server, that a session ended."""

_IN_FRAMES = opaque.digest("sign-out in frames")
HEARS_IN_FRAMES = select(addresses.c.client_id).where(addresses.c.digest == _IN_FRAMES)
"""The same, of those that are told by a page of theirs in a frame of ours."""

_AT = (
    select(clients)
    .join(addresses, addresses.c.client_id == clients.c.id)
    .where(addresses.c.digest == bindparam("digest"), clients.c.state == "active")
    .order_by(clients.c.created_at, clients.c.id)
)


def resource(uri: str) -> bytes:
    """The address of the client that receives tokens under this URI."""
    return opaque.digest(f"resource\0{uri}")


def pages(origin: str) -> bytes:
    """The address of clients with pages of this origin."""
    return opaque.digest(f"origin\0{redirects.without_chosen_port(origin)}")


def wallets() -> bytes:
    """The address of all wallets that take what a person has ready for them."""
    return opaque.digest("wallets")


def beginnings() -> bytes:
    """The address of all services at which others may begin a sign-in."""
    return opaque.digest("beginnings")


def at(uow: UnitOfWork, digest: bytes) -> Sequence[Row[Any]]:
    """Active clients with this address, oldest first."""
    return uow.all(_AT, {"digest": digest})


def write(uow: UnitOfWork, client: Client) -> None:
    """Put the addresses of a client in place of those that it had."""
    forget(uow, client.id)
    rows = [{"digest": digest, "client_id": client.id} for digest in sorted(_of(client))]
    if rows:
        uow.execute(insert(addresses), rows)


def forget(uow: UnitOfWork, client_id: str) -> None:
    uow.execute(delete(addresses).where(addresses.c.client_id == client_id))


def hears(uow: UnitOfWork, client: Client) -> None:
    """Write down that a client of no table of ours hears of sign-outs, if it does."""
    build = postgresql.insert if uow.connection.dialect.name == "postgresql" else sqlite.insert
    for digest in sorted(_heard_at(client)):
        row = {"digest": digest, "client_id": client.id}
        uow.execute(build(addresses).values(**row).on_conflict_do_nothing())


def fill(database: Database, development: bool) -> int:
    """Write the addresses of clients that have none, since an older program added them; how many
    clients."""
    without = select(clients.c.id, clients.c.registration).where(
        clients.c.state != "removed", clients.c.id.not_in(select(addresses.c.client_id))
    )
    with database.read() as uow:
        rows = uow.all(without)
    filled = 0
    for row in rows:
        try:
            client = registration.parse(row.id, row.registration, development=development)
        except members.InvalidClientMetadata:
            continue  # no rule of today lets it ask for anything
        if _of(client):
            try:
                with database.write() as uow:
                    write(uow, client)
            except IntegrityError:
                continue  # another process writes them at this moment
            filled += 1
    return filled


def _of(client: Client) -> set[bytes]:
    found = {pages(origin_of(uri)) for uri in client.redirect_uris} if client.is_public else set()
    found |= _heard_at(client)
    if PRE_AUTHORIZED_CODE in client.grant_types:
        found.add(wallets())
    if client.initiate_login_uri is not None:
        found.add(beginnings())
    return found if client.resource is None else {*found, resource(client.resource)}


def _heard_at(client: Client) -> set[bytes]:
    ways = (client.backchannel_logout_uri, _SIGN_OUT), (client.frontchannel_logout_uri, _IN_FRAMES)
    return {digest for uri, digest in ways if uri is not None}
