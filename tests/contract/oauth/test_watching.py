"""What became of a service's requests, on both databases: counted together, bounded, swept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from starlette.requests import Request

from foundation.clock import FrozenClock
from foundation.database import Database
from idp.oauth import watching
from idp.oauth.client import Client
from idp.oauth.errors import InvalidGrant
from idp.oauth.watching import MOST_REASONS, MOST_WAITING, REFUSED, SIGNED_IN, TOKENS, Watching
from idp.oauth.way_back import ASKED

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def client_of(client_id: str, kind: Any = "service") -> Client:
    return Client(client_id, "X", kind, "client_secret_basic", "x")


def request_of(client_id: str, kind: str = "service") -> Request:
    asked = client_of(client_id, kind)
    scope: dict[str, Any] = {"type": "http", "path": "/oauth/token", "headers": [], ASKED: asked}
    return Request({**scope, "query_string": b"", "path_params": {}})


def test_several_processes_add_up_what_each_of_them_counted(any_database: Database) -> None:
    clock = FrozenClock(START)
    both = [Watching(any_database, clock.now, "Europe/Tallinn") for _ in range(2)]
    for one in both:
        for _ in range(3):
            one.went_well(client_of("svc_1"), SIGNED_IN)
        one.went_well(client_of("svc_1"), TOKENS)
        one.refused(request_of("svc_1"), InvalidGrant("The code has expired; sign in again."))
    threads = [Thread(target=one.write_down) for one in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    today = both[0].days_of("svc_1")[-1]
    assert (today.signed_in, today.tokens, today.refused) == (6, 2, 2)
    (reason,) = both[1].refusals_of("svc_1")
    assert (reason.code, reason.times) == ("invalid_grant", 2)
    assert not both[0].refusals_of("svc_2")


def test_a_day_is_the_citys_and_old_ones_go(any_database: Database) -> None:
    clock = FrozenClock(datetime(2026, 3, 1, 22, 30, tzinfo=UTC))
    one = Watching(any_database, clock.now, "Europe/Tallinn")
    one.went_well(client_of("svc_1"), SIGNED_IN)
    assert str(one.days_of("svc_1")[-1].day) == "2026-03-02"
    one.refused(request_of("svc_1"), InvalidGrant("The code has expired; sign in again."))
    one.write_down()
    with any_database.write() as uow:
        assert watching.sweep(uow, clock.now() + timedelta(days=6)) == 0
    with any_database.write() as uow:
        assert watching.sweep(uow, clock.now() + timedelta(days=8)) == 1
    with any_database.write() as uow:
        assert watching.sweep(uow, clock.now() + timedelta(days=100)) == 2


@pytest.mark.row("failures", "15")
def test_the_last_reasons_stay_and_memory_has_an_end(any_database: Database) -> None:
    clock = FrozenClock(START)
    one = Watching(any_database, clock.now, "UTC")
    for number in range(3 * MOST_REASONS):
        one.refused(request_of("svc_1"), InvalidGrant(f"Reason {number}."))
        if number % 10 == 9:
            one.write_down()
            clock.advance(timedelta(seconds=1))
    found = one.refusals_of("svc_1")
    assert len(found) == MOST_REASONS
    assert {reason.said for reason in found} == {
        f"Reason {n}." for n in range(2 * MOST_REASONS, 3 * MOST_REASONS)
    }
    for number in range(MOST_WAITING + 100):
        one.refused(request_of(f"svc_{number}"), InvalidGrant("Reason."))
        one.went_well(client_of(f"svc_{number}"), TOKENS)
    assert len(one._refusals) == MOST_WAITING
    assert len(one._counts) <= MOST_WAITING
    assert (f"svc_{MOST_WAITING + 50}", REFUSED) not in one._counts


def test_devices_are_not_counted_one_by_one(any_database: Database) -> None:
    one = Watching(any_database, FrozenClock(START).now, "UTC")
    one.went_well(client_of("dev-1", "device"), TOKENS)
    one.refused(request_of("dev-1", "device"), InvalidGrant("Reason."))
    assert one.days_of("dev-1")[-1].tokens == 0
    assert not one.refusals_of("dev-1")
