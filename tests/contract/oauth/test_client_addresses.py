"""Clients are looked up by what they are reached at, never all read, on either database."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import OperationalError

from foundation.audit import SYSTEM
from foundation.database import Database
from idp.oauth import AddedClient, client_addresses
from idp.oauth.tables import client_addresses as table
from tests.support.authorization_server import AuthorizationServer
from tests.support.statements import listening, noting, plan

SPA = "https://spa.example"
API: dict[str, Any] = {
    "grant_types": ["client_credentials"],
    "redirect_uris": None,
    "scope": "a:b",
    "resource": "https://api.example",
    "sector": "api.example",
}


@pytest.fixture
def server(any_authorization_server: AuthorizationServer) -> AuthorizationServer:
    return any_authorization_server


def page_of(server: AuthorizationServer, *uris: str, **more: Any) -> AddedClient:
    return server.add(token_endpoint_auth_method="none", redirect_uris=list(uris), **more)


def changed(server: AuthorizationServer, client: AddedClient, **members: Any) -> None:
    clients, now = server.oauth.clients, server.runtime.clock.now()
    with server.runtime.database.write() as uow:
        alteration = clients.altered(uow, client.client.id, members)
        clients.change(uow, alteration, "test", SYSTEM, now)


def act(server: AuthorizationServer, what: str, client: AddedClient) -> None:
    with server.runtime.database.write() as uow:
        getattr(server.oauth.clients, what)(
            uow, client.client.id, "test", SYSTEM, server.runtime.clock.now()
        )


def test_pages_and_resources_follow_what_is_registered_and_end_with_the_client(
    server: AuthorizationServer,
) -> None:
    known = server.oauth.is_client_origin
    page, resource = page_of(server, f"{SPA}/callback"), server.add(**API)
    assert known(SPA)
    assert not known("https://spa.example:8443")
    assert server.oauth.clients.of_resource("https://api.example") is not None
    assert server.oauth.clients.of_resource("https://other.example") is None
    act(server, "suspend", page)
    assert not known(SPA)
    act(server, "resume", page)
    assert known(SPA)
    changed(server, page, redirect_uris=["https://new.example/callback"])
    assert not known(SPA)
    assert known("https://new.example")
    changed(server, resource, resource="https://other.example")
    assert server.oauth.clients.of_resource("https://api.example") is None
    found = server.oauth.clients.of_resource("https://other.example")
    assert found is not None
    assert found.id == resource.client.id
    act(server, "remove", page)
    assert not known("https://new.example")


def test_a_page_of_a_client_with_a_secret_reads_nothing(server: AuthorizationServer) -> None:
    server.add(redirect_uris=[f"{SPA}/callback"])
    assert not server.oauth.is_client_origin(SPA)


@pytest.mark.rfc("8252", "7.3")
def test_a_page_on_loopback_is_known_at_whatever_port_its_program_chose(
    server: AuthorizationServer,
) -> None:
    page_of(server, "http://127.0.0.1:3000/callback")
    page_of(server, "http://[::1]/callback")
    known = server.oauth.is_client_origin
    for origin in ("http://127.0.0.1:51004", "http://127.0.0.1", "http://[::1]:8080"):
        assert known(origin)
    for origin in ("http://127.0.0.2", "http://localhost:3000", "http://127.0.0.1:0", "null"):
        assert not known(origin)


@pytest.mark.row("failures", "29")
def test_a_clients_row_has_the_last_word_on_where_it_is_reached(
    server: AuthorizationServer,
) -> None:
    page = page_of(server, f"{SPA}/callback")
    forged = [client_addresses.pages("https://evil.example"), client_addresses.resource("x")]
    with server.runtime.database.write() as uow:
        rows = [{"digest": digest, "client_id": page.client.id} for digest in forged]
        uow.execute(table.insert(), rows)
    assert not server.oauth.is_client_origin("https://evil.example")
    assert server.oauth.clients.of_resource("x") is None


def test_what_a_page_is_costs_one_look_up_however_many_clients_there_are(
    server: AuthorizationServer,
) -> None:
    for number in range(30):
        page_of(server, f"https://spa{number}.example/callback")
    database: Database = server.runtime.database
    for look in (
        lambda: server.oauth.is_client_origin("https://spa7.example"),
        lambda: server.oauth.clients.of_resource("https://api.example"),
    ):
        with listening() as said, noting() as asked:
            look()
        # Its marks of what was taken away are in the other store, once a second.
        assert len([text for text in said if "row_marks" not in text]) == 1
        steps = str(plan(database, asked[0]))
        assert "oauth_client_addresses" in steps
        if database.dialect == "sqlite":
            assert "SCAN" not in steps  # both tables by their keys


def test_the_addresses_that_an_older_program_left_out_are_filled_in_once(
    server: AuthorizationServer,
) -> None:
    page_of(server, f"{SPA}/callback")
    server.add(**API)
    server.add()
    act(server, "remove", page_of(server, "https://gone.example/callback"))
    database: Database = server.runtime.database
    with database.write() as uow:
        uow.execute(delete(table))
    assert not server.oauth.is_client_origin(SPA)
    assert client_addresses.fill(database, development=True) == 2
    assert client_addresses.fill(database, development=True) == 0
    assert server.oauth.is_client_origin(SPA)
    assert server.oauth.clients.of_resource("https://api.example") is not None
    with database.read() as uow:
        assert len(uow.all(select(table))) == 2


def test_a_page_that_asked_before_is_known_while_the_database_is_away(
    server: AuthorizationServer,
) -> None:
    page_of(server, f"{SPA}/callback")
    assert server.oauth.is_client_origin(SPA)
    away = OperationalError("", {}, Exception("away"))
    with mock.patch.object(Database, "read", side_effect=away):
        assert server.oauth.is_client_origin(SPA)
        assert not server.oauth.is_client_origin("https://new.example")
