"""The federation's and the broker's tables hold the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from foundation import opaque
from foundation.clock import FrozenClock
from foundation.database import Database
from idp.broker import store as broker
from idp.broker.store import BrokerSession, Transaction
from idp.federation import store
from idp.federation.store import IssuedMark
from tests.support.deployments import START

ENTITY = "https://id.bank.example"
KEYS = ({"kid": "a", "kty": "EC"},)


def applied(database: Database, entity_id: str = ENTITY) -> store.Entity:
    with database.write() as uow:
        store.save_application(uow, entity_id, "Bank", ("openid_provider",), KEYS, START)
    with database.read() as uow:
        found = store.entity(uow, entity_id)
    assert found is not None
    return found


def racing(work: Callable[[int], Any], times: int = 8) -> list[Any]:
    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(work, range(times)))


def test_an_entity_applies_once(any_database: Database) -> None:
    known = applied(any_database)
    assert (known.state, known.level, known.keys) == ("applied", None, KEYS)
    with pytest.raises(IntegrityError):
        applied(any_database)


def test_of_eight_officers_who_decide_at_once_one_decides(any_database: Database) -> None:
    known = applied(any_database)

    def decide(level: int) -> bool:
        with any_database.write() as uow:
            return store.change(uow, known, "accredited", level % 4 + 1, START)

    assert racing(decide).count(True) == 1


def test_marks_move_with_their_entity(any_database: Database) -> None:
    known = applied(any_database)
    mark = IssuedMark("h.p.s", "t", "active", START, START + timedelta(hours=1))
    with any_database.write() as uow:
        store.add_mark(uow, known.id, mark)
    with pytest.raises(IntegrityError), any_database.write() as uow:
        store.add_mark(uow, known.id, mark)
    with any_database.write() as uow:
        assert store.set_marks(uow, known.id, ("active",), "suspended") == 1
        assert store.set_marks(uow, known.id, ("active",), "suspended") == 0
    with any_database.read() as uow:
        found = store.mark(uow, "h.p.s")
        assert found is not None
        assert found.state == "suspended"
        assert store.latest_mark(uow, known.id, "t", START) is None
        assert store.mark(uow, "h.p.other") is None


def test_own_marks_are_replaced_whole(any_database: Database) -> None:
    later = START + timedelta(hours=1)
    with any_database.write() as uow:
        store.replace_own_marks(uow, "https://r", {"a": ("1", later), "b": ("2", START)})
    with any_database.read() as uow:
        assert store.own_marks(uow, START) == [("a", "1")]
    with any_database.write() as uow:
        store.replace_own_marks(uow, "https://r", {"c": ("3", later)})
    with any_database.read() as uow:
        assert store.own_marks(uow, START) == [("c", "3")]


def waiting(database: Database, state: str, now: datetime) -> None:
    with database.write() as uow:
        one = Transaction(opaque.identifier("btx"), "bank", b"sealed", now)
        broker.begin(uow, one, state, "browser", now + timedelta(minutes=5))


@pytest.mark.row("failures", "9")
def test_of_eight_callbacks_at_once_one_is_taken(any_database: Database) -> None:
    waiting(any_database, "state", START)

    def take(_: int) -> bool:
        with any_database.write() as uow:
            return broker.consume(uow, "state", "browser", "bank", START) is not None

    assert racing(take).count(True) == 1


@pytest.mark.parametrize(
    ("state", "browser", "provider", "later"),
    [("other", "browser", "bank", 0), ("state", "other", "bank", 0),
     ("state", "browser", "other", 0), ("state", "browser", "bank", 5)],
)  # fmt: skip
def test_a_callback_of_another_state_browser_provider_or_time_is_not_taken(
    any_database: Database, state: str, browser: str, provider: str, later: int
) -> None:
    waiting(any_database, "state", START)
    now = START + timedelta(minutes=later)
    with any_database.write() as uow:
        assert broker.consume(uow, state, browser, provider, now) is None


def test_a_broker_session_ends_by_time_and_by_hand(
    any_database: Database, clock: FrozenClock
) -> None:
    ends = START + timedelta(hours=1)
    session = BrokerSession("ses_1", "per_1", "bank", 2, ("pwd",), START, b"sealed", START, ends)
    with any_database.write() as uow:
        broker.add_session(uow, session, "cookie")
    with any_database.read() as uow:
        assert broker.session_of_cookie(uow, "cookie", START) == session
        assert broker.session_of_cookie(uow, "other", START) is None
        assert broker.session_of_cookie(uow, "cookie", ends) is None
        assert broker.others_of(uow, "per_1", START) == 1
    with any_database.write() as uow:
        assert broker.end_session(uow, "ses_1")
        assert not broker.end_session(uow, "ses_1")


def test_outcomes_add_up_under_threads(any_database: Database) -> None:
    def count(_: int) -> None:
        with any_database.write() as uow:
            broker.count(uow, "bank", "completed", "2026-03-02")

    racing(count)
    with any_database.read() as uow:
        assert broker.outcomes(uow) == [("bank", "2026-03-02", "completed", 8)]


def test_a_provider_is_registered_once(any_database: Database) -> None:
    def remember(_: int) -> None:
        with any_database.write() as uow:
            broker.remember_providers(uow, {"b": "https://b", "a": "https://a"}, START)

    racing(remember)
    with any_database.read() as uow:
        assert broker.known_slugs(uow) == ["a", "b"]
