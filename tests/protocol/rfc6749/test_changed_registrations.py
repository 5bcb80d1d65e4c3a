"""A registration that changes, and one that ends: what ends with it — RFC 7592 §2.2, §2.3."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from foundation.audit import Actor
from foundation.audit.tables import events
from foundation.clock import FrozenClock
from foundation.errors import Conflict, NotFound
from idp.oauth import AddedClient, InvalidClientMetadata
from idp.supervision import Managing, Parts
from tests.support.authorization_server import CALLBACK, AuthorizationServer, answer_of

BY, WHY = Actor("system", "operator"), "It was asked for"
NEW = "https://library.example/new"


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1", email="ada@example.org")
    authorization_server.people.sign_in("per_1")
    return authorization_server


@pytest.fixture
def managing(server: AuthorizationServer) -> Managing:
    sessions: Any = None
    return Managing(Parts(server.runtime, sessions, tokens=server.oauth))


def alive(server: AuthorizationServer, service: AddedClient, tokens: dict[str, Any]) -> bool:
    return bool(server.introspect(service, tokens["access_token"])["active"])


def test_a_new_redirect_uri_works_at_once_and_ends_nothing(
    server: AuthorizationServer, managing: Managing
) -> None:
    service = server.add()
    tokens = server.tokens(service)
    done = managing.change(service.client.id, {"redirect_uris": [CALLBACK, NEW]}, WHY, BY)
    assert (done.alteration.members, done.grants) == (["redirect_uris"], 0)
    assert server.authorize(service, redirect_uri=NEW).status_code == 303
    assert alive(server, service, tokens)


@pytest.mark.row("failures", "1")
def test_a_redirect_uri_that_was_taken_off_is_dead_at_once_with_its_codes(
    server: AuthorizationServer, managing: Managing
) -> None:
    service = server.add(redirect_uris=[CALLBACK, NEW])
    tokens = server.tokens(service)
    code = server.sign_in(service, redirect_uri=NEW)
    managing.change(service.client.id, {"redirect_uris": [CALLBACK]}, WHY, BY)
    assert server.authorize(service, redirect_uri=NEW).status_code == 400
    refused = server.redeem(service, code, redirect_uri=NEW)
    assert refused.json().get("error") == "invalid_grant"
    assert alive(server, service, tokens)


def test_a_request_that_waits_does_not_reach_an_address_that_was_taken_off(
    server: AuthorizationServer, managing: Managing
) -> None:
    service = server.add(redirect_uris=[CALLBACK, NEW])
    server.people.present = None
    server.authorize(service, redirect_uri=NEW)
    waiting = server.people.asked[-1].return_to
    managing.change(service.client.id, {"redirect_uris": [CALLBACK]}, WHY, BY)
    server.people.sign_in("per_1")
    answer = server.http.get(waiting)
    assert NEW not in answer.headers.get("location", "")


def test_a_scope_that_was_taken_away_ends_the_tokens_that_have_it(
    server: AuthorizationServer, managing: Managing
) -> None:
    service = server.add()
    tokens = server.tokens(service, scope="openid email offline_access")
    done = managing.change(service.client.id, {"scope": "openid offline_access"}, WHY, BY)
    assert done.grants == 1
    assert not alive(server, service, tokens)
    assert server.refresh(service, tokens["refresh_token"]).json().get("error") == "invalid_grant"
    assert (
        answer_of(server.authorize(service, scope="openid email")).get("error") == "invalid_scope"
    )


def test_another_sector_is_asked_about_since_nobody_is_known_there_again(
    server: AuthorizationServer, managing: Managing
) -> None:
    service = server.add()
    before = server.introspect(service, server.tokens(service)["access_token"])["sub"]
    elsewhere = {"redirect_uris": ["https://other.example/callback"]}
    planned = managing.planned(service.client.id, elsewhere)
    assert planned.cannot_be_undone
    with pytest.raises(Conflict, match="nobody again"):
        managing.change(service.client.id, elsewhere, WHY, BY)
    kept = managing.planned(service.client.id, {**elsewhere, "sector": "library.example"})
    assert not kept.cannot_be_undone
    managing.change(service.client.id, {"sector": "all.example"}, WHY, BY, agreed=True)
    after = server.introspect(service, server.tokens(service)["access_token"])["sub"]
    assert before != after


def test_who_gets_a_secret_for_the_first_time_is_shown_it(
    server: AuthorizationServer, managing: Managing
) -> None:
    app = server.add(token_endpoint_auth_method="none")
    basic = {"token_endpoint_auth_method": "client_secret_basic"}
    secret = managing.change(app.client.id, basic, WHY, BY).secret
    assert secret is not None
    service = AddedClient(app.client, secret)
    assert server.redeem(service, server.sign_in(service)).status_code == 200
    assert managing.change(app.client.id, {"require_pkce": False}, WHY, BY).secret is None


def test_a_change_is_checked_like_a_registration(
    server: AuthorizationServer, managing: Managing
) -> None:
    service = server.add()
    for changes in (
        {"redirect_uris": ["http://library.example/"]},
        {"purposes": ["everything"]},
        {"invented": True},
    ):
        with pytest.raises(InvalidClientMetadata):
            managing.change(service.client.id, changes, WHY, BY)
    with pytest.raises(Conflict, match="already"):
        managing.change(service.client.id, {"client_name": "City Library"}, WHY, BY)
    with pytest.raises(NotFound):
        managing.change("svc_nobody", {"client_name": "X"}, WHY, BY)


def test_a_removed_service_is_refused_everywhere_for_good_and_keeps_its_name(
    server: AuthorizationServer, managing: Managing, clock: FrozenClock
) -> None:
    service = server.add(grant_types=["authorization_code", "refresh_token", "client_credentials"])
    tokens = server.tokens(service, scope="openid offline_access")
    code, other = server.sign_in(service), server.add()
    assert managing.remove(service.client.id, WHY, BY) == 2
    assert server.userinfo(tokens["access_token"]).status_code == 401
    assert server.redeem(service, code).json().get("error") == "invalid_client"
    assert server.authorize(service).status_code == 400
    clients, now = server.oauth.clients, clock.now()
    assert [c.id for c in clients.list()] == [other.client.id]
    gone = clients.find(service.client.id, now + timedelta(seconds=2))
    assert gone is not None
    assert (gone.name, gone.active, gone.removed) == ("City Library", False, True)
    assert (gone.secret_mac, gone.previous_secret_mac) == (None, None)
    for undo in (clients.resume, clients.suspend, clients.remove):
        with server.runtime.database.write() as uow, pytest.raises(NotFound):
            undo(uow, service.client.id, WHY, BY, now)
    with pytest.raises(NotFound):
        managing.change(service.client.id, {"client_name": "X"}, WHY, BY)


def test_each_change_is_on_record_with_who_and_why(
    server: AuthorizationServer, managing: Managing
) -> None:
    service = server.add()
    managing.change(service.client.id, {"client_name": "Book House"}, WHY, BY)
    managing.remove(service.client.id, WHY, BY)
    for kind, members in (("client.changed", ["client_name"]), ("client.removed", None)):
        with server.runtime.database.read() as uow:
            row = uow.one(select(events.c.id).where(events.c.kind == kind))
        assert row is not None
        details = server.runtime.audit.details(row.id)["details"]
        assert (details["client"], details["reason"]) == (service.client.id, WHY)
        assert details.get("members") == members
