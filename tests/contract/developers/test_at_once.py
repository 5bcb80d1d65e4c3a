"""Two operators who answer at once, a sign-in that is tried twice: one wins, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest

from foundation import opaque
from foundation.audit import Actor
from foundation.errors import CivitasError
from idp.developers import Developers, Owner, store
from idp.developers.service import Wish
from tests.support.city import City

OWNER = Owner("staff", "stf_developer")
WISH = Wish(("https://chess.example/cb",), (), "openid", ("identity.sign-in",), "To play")


@pytest.fixture
def place(city: City) -> Developers:
    found: Developers = city.deployment.parts["developers"]
    return found


def one_of(acts: list[Callable[[], object]]) -> int:
    """How many of them were done, all begun at once."""

    def done(act: Callable[[], object]) -> bool:
        try:
            act()
        except CivitasError:
            return False
        return True

    with ThreadPoolExecutor(len(acts)) as pool:
        return sum(pool.map(done, acts))


def registered(place: Developers) -> str:
    made = place.add(OWNER, "Chess", "", "", ["https://t.example/cb"], ["profile"])
    return made.mine.client.id


def test_of_a_yes_and_a_no_at_once_one_counts(place: Developers) -> None:
    for _ in range(5):
        client_id = registered(place)
        place.ask(OWNER, client_id, WISH)
        operators = [Actor("staff", f"stf_{n}") for n in range(4)]
        acts: list[Callable[[], object]] = [
            *(partial(place.approve, client_id, "yes", by) for by in operators[:2]),
            *(partial(place.refuse, client_id, "no", by) for by in operators[2:]),
        ]
        assert one_of(acts) == 1
        owned = place.owned(client_id)
        client = next(c for c in place.tokens.clients.list() if c.id == client_id)
        assert owned is not None
        assert client.test_only == (owned.state == "test")


def test_a_sign_in_that_is_tried_works_once_however_often_it_comes_back(
    place: Developers, city: City
) -> None:
    client_id, now = registered(place), city.clock.now()
    database = city.runtime.database
    with database.write() as uow:
        secret = store.begin_trial(uow, client_id, timedelta(minutes=5), now)

    def bind(browser: str) -> None:
        with database.write() as uow:
            if store.bind_trial(uow, secret, browser, now) is None:
                raise CivitasError("somebody else's")

    assert one_of([partial(bind, f"browser {n}") for n in range(10)]) == 1
    with database.read() as uow:
        row = uow.one(store.trials.select())
    mine = next(n for n in range(10) if opaque.digest(f"browser {n}") == bytes(row.browser_digest))

    def end() -> None:
        with database.write() as uow:
            if store.end_trial(uow, secret, [f"browser {mine}"], now) is None:
                raise CivitasError("used")

    assert one_of([end] * 20) == 1
    with database.write() as uow:
        assert store.sweep_trials(uow, now + timedelta(hours=1)) == 1
