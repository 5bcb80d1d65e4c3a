"""Streams and events, on either database: one stream a service, each event leased once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from sqlalchemy import select

from idp import oauth
from idp.oauth.event_tables import signals
from idp.oauth.signals import outbox, streams
from idp.oauth.signals.events import SUPPORTED
from idp.oauth.signals.streams import ENABLED, PUSH, Stream
from tests.support.authorization_server import AuthorizationServer

AT_ONCE = 50


@pytest.fixture
def server(any_authorization_server: AuthorizationServer) -> AuthorizationServer:
    any_authorization_server.people.born("per_1")
    any_authorization_server.people.sign_in("per_1")
    return any_authorization_server


def a_stream(server: AuthorizationServer, client_id: str, nth: int = 0) -> Stream:
    now, place = server.runtime.clock.now(), "https://service.example/events"
    return Stream(f"str_{nth}", client_id, PUSH, place, None, SUPPORTED, None, ENABLED, now)


def all_at_once(act: object) -> int:
    barrier = Barrier(AT_ONCE)

    def one(nth: int) -> bool:
        barrier.wait(60)
        return bool(act(nth))  # type: ignore[operator]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(one, range(AT_ONCE)))


@pytest.mark.rfc("ssf", "8.1.1.1")
def test_fifty_streams_at_once_are_one(server: AuthorizationServer) -> None:
    def add(nth: int) -> bool:
        with server.runtime.database.write() as uow:
            return streams.add(uow, a_stream(server, "svc_1", nth))

    assert all_at_once(add) == 1


def test_an_event_taken_on_by_fifty_is_one_ones(server: AuthorizationServer) -> None:
    client = server.add()
    with server.runtime.database.write() as uow:
        assert streams.add(uow, a_stream(server, client.client.id))
    server.tokens(client)
    now = server.runtime.clock.now()
    with server.runtime.database.write() as uow:
        oauth.TokensEndWithSession().end_session(uow, "ses_1", "signed out", now)
    with server.runtime.database.read() as uow:
        [(one, due_at)] = outbox.due(uow, now, [], 5)

    def lease(nth: int) -> bool:
        with server.runtime.database.write() as uow:
            return outbox.lease(uow, one, due_at, now)

    assert all_at_once(lease) == 1
    with server.runtime.database.write() as uow:
        assert not outbox.due(uow, now, [], 5)
        assert outbox.failed(uow, one, "away", now)
        assert outbox.due(uow, now + outbox.LEASE, [], 5)
        assert outbox.sweep(uow, now + outbox.KEPT + outbox.LEASE) == 1


def test_what_ended_in_vain_tells_nobody(server: AuthorizationServer) -> None:
    """One failure rolls all of it back."""
    client = server.add()
    with server.runtime.database.write() as uow:
        streams.add(uow, a_stream(server, client.client.id))
    server.tokens(client)
    now = server.runtime.clock.now()

    def end_and_fail() -> None:
        with server.runtime.database.write() as uow:
            oauth.TokensEndWithSession().end_session(uow, "ses_1", "signed out", now)
            raise LookupError("something later in the same unit of work")

    with pytest.raises(LookupError):
        end_and_fail()
    with server.runtime.database.read() as uow:
        assert not uow.all(select(signals))


def test_a_stream_that_is_paused_or_gone_is_pushed_nothing(server: AuthorizationServer) -> None:
    client = server.add()
    stream, now = a_stream(server, client.client.id), server.runtime.clock.now()
    with server.runtime.database.write() as uow:
        streams.add(uow, stream)
        outbox.verification(uow, stream, "x", now)
        assert len(outbox.due(uow, now, [], 5)) == 1
        assert streams.change(uow, replace(stream, status="paused"))
        assert not outbox.due(uow, now, [], 5)
        assert streams.remove(uow, stream)
        assert not streams.change(uow, stream)
        outbox.forget(uow, client.client.id)
        assert not outbox.waiting(uow, client.client.id, 5)
