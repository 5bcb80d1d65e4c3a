"""Nothing on the event loop blocks it: no database, no other machine, no long computation."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median

import httpx
import pytest
from starlette.routing import Route

from foundation.clock import FrozenClock
from foundation.database import DatabaseSettings
from tests.support import access_worlds, deployments, loop_watch
from tests.support.city import City
from tests.support.relay import Relay

MOST = 18
"""Times the middle route's processor time that a route may take on the loop before it waits or
answers: some 20 ms, or twice that while the processor has other work."""


@pytest.fixture
def relay(postgres_url: str) -> Iterator[Relay]:
    made = Relay(postgres_url)
    yield made
    made.close()


def routes(town: City) -> Iterator[tuple[str, str]]:
    for route in town.app.router.routes:
        if isinstance(route, Route):
            for method in sorted({"GET", "POST"} & (route.methods or set())):
                yield method, route.path.replace("{", "").replace("}", "")


def test_a_database_that_stands_still_stops_no_route_but_its_own(
    tmp_path: Path, clock: FrozenClock, relay: Relay
) -> None:
    """A hold-up at any of them would keep /healthz from answering until the database goes on."""
    town = City(deployments.settings_in(tmp_path, DatabaseSettings(url=relay.url)), clock)
    officer = town.staff("operator")
    cookies = dict(officer.http.cookies)
    answered: list[tuple[str, str, int]] = []

    async def ask(client: httpx.AsyncClient, method: str, path: str) -> None:
        form = {"csrf_token": "x", "grant_type": "client_credentials", "client_id": "nobody"}
        sent = {"data": form} if method == "POST" else {}
        answer = await client.request(method, path, **sent)  # type: ignore[arg-type]
        answered.append((method, path, answer.status_code))

    async def all_of_them() -> None:
        transport = httpx.ASGITransport(town.app)
        origin = "https://localhost:8443"
        async with (
            httpx.AsyncClient(transport=transport, base_url=origin) as stranger,
            httpx.AsyncClient(transport=transport, base_url=origin, cookies=cookies) as staff,
        ):
            await staff.get("/desk")
            left = routes(town)
            while some := list(islice(left, 12)):
                with relay.still():
                    asking = [
                        asyncio.create_task(ask(client, *route))
                        for route in some
                        for client in (stranger, staff)
                    ]
                    for _ in range(3):
                        await asyncio.sleep(0.02)
                        health = await asyncio.wait_for(stranger.get("/healthz"), 9)
                        assert health.status_code == 200
                await asyncio.gather(*asking)

    asyncio.run(all_of_them())
    assert len(answered) == 2 * len(list(routes(town)))
    assert [one for one in answered if one[2] == 500] == []
    town.close()


def test_no_route_computes_for_long_on_the_loop_or_waits_there(tmp_path: Path) -> None:
    """Every route of every model, asked by each kind of caller: what takes longer has a thread."""
    with access_worlds.worlds(tmp_path) as made, loop_watch.watching() as seen:
        for world in made.values():
            world.walk()
    assert seen.waited == []
    took = defaultdict(list)
    for route, seconds in seen.computed:
        took[route].append(seconds)
    assert len(took) > 150
    # The longest but one: the first may have made what is kept, such as a page's template.
    usual = {route: sorted(every)[-2:][0] for route, every in took.items()}
    most = MOST * median(usual.values())
    assert {route: seconds for route, seconds in usual.items() if seconds > most} == {}
