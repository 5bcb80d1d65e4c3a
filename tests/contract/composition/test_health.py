"""What the deployment says of itself while something of it hangs or is gone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx
import pytest
from sqlalchemy import text

from foundation import readiness
from foundation.clock import FrozenClock
from foundation.database import Database
from foundation.keys import Keys
from foundation.middleware import Gate
from foundation.settings import Server, Settings
from foundation.signing_keys import Signer
from tests.support.city import City


@pytest.fixture
def town(any_settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(any_settings, clock)
    yield made
    made.close()


@asynccontextmanager
async def asking(town: City) -> AsyncIterator[httpx.AsyncClient]:
    """A client in the loop of the application."""
    transport = httpx.ASGITransport(town.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        yield client


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Somebody has the lock that every write needs."""
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with database.write() as uow:
            if database.dialect == "postgresql":
                uow.execute(text("LOCK TABLE rate_limits, periodic_work"))
            held.set()
            over.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(60)
    try:
        yield
    finally:
        over.set()
        holder.join()


def ready(town: City) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with asking(town) as client:
            return await client.get("/readyz")

    return asyncio.run(ask())


def gate(town: City) -> Gate:
    layer = town.app.middleware_stack
    while not isinstance(layer, Gate):
        layer = layer.app  # type: ignore[union-attr]
    return layer


def test_health_is_told_and_readiness_too_while_every_place_waits_for_the_database(
    town: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "BOUND", 0.3)
    places = town.runtime.settings.of(Server).threads

    async def ask() -> None:
        async with asking(town) as client:
            with locked(town.runtime.database):
                form = {"grant_type": "client_credentials", "client_id": "nobody"}
                waiting = [
                    asyncio.create_task(client.post("/oauth/token", data=form))
                    for _ in range(places + 10)
                ]
                while town.app.middleware_stack is None or gate(town).acts.waiting < 10:
                    await asyncio.sleep(0.01)
                alive, able = await client.get("/healthz"), await client.get("/readyz")
                assert gate(town).acts.busy == places
            answers = await asyncio.gather(*waiting)
        assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
        assert (able.status_code, able.json()["database"]) == (503, "silent")
        assert {answer.status_code for answer in answers} <= {401, 429}

    asyncio.run(ask())


def test_a_deployment_that_can_do_its_work_is_ready(town: City) -> None:
    answer = ready(town)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert {said[what] for what in ("database", "person_keys", "keys")} == {"ok"}
    assert said["not_signing"] == []


def test_a_database_that_only_reads_is_not_ready(town: City) -> None:
    database = town.runtime.database
    stands = (
        "PRAGMA query_only=ON"
        if database.dialect == "sqlite"
        else "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"
    )
    with database.write() as uow:
        uow.execute(text(stands))
    answer = ready(town)
    assert (answer.status_code, answer.json()["database"]) == (503, "takes no writes")


def test_a_key_store_that_is_away_is_not_ready(town: City, monkeypatch: pytest.MonkeyPatch) -> None:
    town.runtime.vault.store.close()
    url = town.runtime.vault.store.engine.url

    def gone(*_: object) -> object:
        raise ConnectionRefusedError(str(url))

    monkeypatch.setattr(town.runtime.vault.store._reads.engine.pool, "_creator", gone)
    answer = ready(town)
    assert (answer.status_code, answer.json()["person_keys"]) == (503, "unusable")
    assert answer.json()["database"] == "ok"


def test_a_key_that_does_not_sign_is_named_and_the_deployment_is_not_ready(
    town: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    signers = Keys.signers

    def another(keys: Keys, use: str) -> tuple[Signer, ...]:
        """The token holds another key under the label of this one."""
        found = signers(keys, use)
        if use != "jwt":
            return found
        other = signers(keys, "receipt")[0].private_key
        assert type(other) is type(found[0].private_key)

        class Wrong(Signer):
            @property
            def public_key(self):  # type: ignore[no-untyped-def]
                return found[0].public_key

        return tuple(Wrong(s.kid, s.use, s.algorithm, other, s.in_token) for s in found)

    monkeypatch.setattr(Keys, "signers", another)
    answer = ready(town)
    assert (answer.status_code, answer.json()["keys"]) == (503, "not signing")
    assert answer.json()["not_signing"] == ["jwt"]


def test_probes_share_one_round_of_signatures(town: City, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[str] = []
    signs = readiness.not_signing

    def counted(keys: Keys) -> tuple[str, ...]:
        rounds.append("signed")
        return signs(keys)

    monkeypatch.setattr(readiness, "not_signing", counted)

    async def ask() -> None:
        async with asking(town) as client:
            await asyncio.gather(*(client.get("/readyz") for _ in range(5)))
            await client.get("/readyz")

    asyncio.run(ask())
    assert len(rounds) == 1
