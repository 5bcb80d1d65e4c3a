"""Sign-outs on their way, on either database: each leased once, a hundred services told."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select

from idp import oauth
from idp.oauth.dynamic import tokens
from idp.oauth.event_tables import sign_outs
from idp.oauth.logout import outbox
from idp.oauth.logout.delivery import Delivery
from idp.oauth.tables import initial_access_tokens
from tests.support.authorization_server import AuthorizationServer
from tests.support.ears import Ears, listening
from tests.support.statements import listening as listening_to_statements

SERVICES = 100


@pytest.fixture
def server(any_authorization_server: AuthorizationServer) -> AuthorizationServer:
    any_authorization_server.people.born("per_1")
    any_authorization_server.people.sign_in("per_1")
    return any_authorization_server


@pytest.fixture
def ears() -> Iterator[Ears]:
    with listening() as heard:
        yield heard


def end(server: AuthorizationServer, session: str = "ses_1") -> None:
    with server.runtime.database.write() as uow:
        now = server.runtime.clock.now()
        oauth.TokensEndWithSession().end_session(uow, session, "signed out", now)


def test_a_hundred_services_are_told_each_once_by_two_processes(
    server: AuthorizationServer, ears: Ears
) -> None:
    for n in range(SERVICES):
        client = server.add(client_name=f"S{n}", backchannel_logout_uri=f"{ears.url}/{n}")
        server.tokens(client)
    end(server)
    ours = server.oauth.sign_outs
    theirs = Delivery(server.runtime, server.issuer, server.oauth.clients, ours._fetch)
    barrier = Barrier(2)

    def run(one: Delivery) -> int:
        barrier.wait(30)
        return one.run()

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(run, (ours, theirs))) == SERVICES
    assert sorted(where for where, _ in ears.heard) == sorted(f"/{n}" for n in range(SERVICES))
    with server.runtime.database.read() as uow:
        assert uow.all(select(sign_outs)) == []


def test_what_a_process_that_died_had_leased_is_said_by_another(
    server: AuthorizationServer, ears: Ears, clock: object
) -> None:
    client = server.add(backchannel_logout_uri=f"{ears.url}/a")
    server.tokens(client)
    end(server)
    now = server.runtime.clock.now()
    with server.runtime.database.write() as uow:
        ((one, due_at),) = outbox.due(uow, now, (), 5)
        assert outbox.lease(uow, one, due_at, now)
        assert not outbox.lease(uow, one, due_at, now)
    # Killed here, with the lease in hand.
    assert server.oauth.sign_outs.run() == 0
    clock.advance(outbox.LEASE)  # type: ignore[attr-defined]
    assert server.oauth.sign_outs.run() == 1
    assert [where for where, _ in ears.heard] == ["/a"]


@pytest.mark.row("failures", "16")
def test_an_initial_access_token_for_three_is_good_for_three(server: AuthorizationServer) -> None:
    database, now = server.runtime.database, server.runtime.clock.now()
    with database.write() as uow:
        _, value = tokens.make(uow, "three", 3, now + timedelta(days=1), now)
    barrier = Barrier(8)

    def spend(_: int) -> str | None:
        barrier.wait(30)
        with database.write() as uow:
            return tokens.spend(uow, value, now)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(spend, range(8)))
    assert len([one for one in found if one is not None]) == 3
    with database.read() as uow:
        (row,) = uow.all(select(initial_access_tokens))
    assert row.uses_left == 0


def test_who_registered_for_nothing_pays_nothing_until_a_session_ends(
    server: AuthorizationServer,
) -> None:
    client = server.add()
    tokens_of = server.tokens(client)
    with listening_to_statements() as said:
        server.tokens(client)
        server.userinfo(tokens_of["access_token"])
    about = ("oauth_sign_outs", "oauth_registration_tokens", "oauth_initial_access_tokens",
             "oauth_client_addresses")  # fmt: skip
    assert [one for one in said if any(name in one for name in about)] == []
    with listening_to_statements() as said:
        end(server)
    asked = [one for one in said if "oauth_client_addresses" in one]
    assert len(asked) == 1, said
    assert [one for one in said if "oauth_sign_outs" in one] == []
