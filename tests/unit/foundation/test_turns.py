"""Who waits for whom at the gate: sign-ins for each other, health for nobody."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from starlette.responses import Response

from foundation import web
from foundation.runtime import Runtime
from tests.support.gates import Request, gate_of, settle


class Crowd:
    """Requests straight at a gate whose routes wait until they may go on: no server, no thread."""

    def __init__(self, runtime: Runtime, threads: int, **limits: int) -> None:
        self.inside: list[str] = []
        self.open = asyncio.Event()
        routes = [
            web.Route(("POST",), "/hash", Response, "test", hashes=True),
            web.Route(("POST",), "/work", Response, "test"),
            web.Route(("GET",), "/alive", Response, "test", light=True),
        ]
        self.gate = gate_of(self._app, runtime, routes, threads, **limits)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != "/alive":
            self.inside.append(scope["path"])
            await self.open.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def ask(self, method: str, path: str, address: str) -> dict[str, Any]:
        done = await Request(method, path, address)(self.gate)
        return {"status": done.status, **done.headers}

    async def come(self, number: int, path: str) -> list[asyncio.Task[dict[str, Any]]]:
        """So many at once, each from another /48 of one /40."""
        tasks = [
            asyncio.create_task(self.ask("POST", path, f"2001:db8:{n:x}::1")) for n in range(number)
        ]
        await settle()
        return tasks


@pytest.mark.row("failures", "22")
def test_a_rush_at_sign_in_takes_few_turns_and_leaves_the_others_theirs(runtime: Runtime) -> None:
    async def walk() -> None:
        crowd = Crowd(runtime, threads=40, hashes_waiting=8)
        rush = await crowd.come(50, "/hash")
        at_once = crowd.inside.count("/hash")
        assert at_once == 1 + (os.cpu_count() or 1)
        work = asyncio.create_task(crowd.ask("POST", "/work", "198.51.100.7"))
        await settle()
        assert crowd.inside.count("/work") == 1, "another route is not behind the rush"
        crowd.open.set()
        answers = [await task for task in rush]
        assert (await work)["status"] == 200
        busy = [a for a in answers if a["status"] == 503]
        assert len(busy) == 50 - at_once - 8
        assert all(int(a["retry-after"]) >= 1 for a in busy)

    asyncio.run(walk())


def test_health_answers_when_every_turn_is_taken_and_the_rest_is_full(runtime: Runtime) -> None:
    async def walk() -> None:
        crowd = Crowd(runtime, threads=2, waiting=3)
        rush = await crowd.come(10, "/work")
        assert (await crowd.ask("GET", "/alive", "198.51.100.7"))["status"] == 200
        crowd.open.set()
        statuses = [(await task)["status"] for task in rush]
        assert (statuses.count(200), statuses.count(503)) == (5, 5)

    asyncio.run(walk())


def test_a_reader_who_takes_an_answer_slowly_keeps_no_turn(runtime: Runtime) -> None:
    async def walk() -> None:
        crowd = Crowd(runtime, threads=1)
        crowd.open.set()
        stuck = asyncio.Event()

        class Slow(Request):
            async def _send(self, message: Any) -> None:
                await stuck.wait()
                await super()._send(message)

        slow = asyncio.create_task(Slow("POST", "/work")(crowd.gate))
        await settle()
        assert (await crowd.ask("POST", "/work", "198.51.100.8"))["status"] == 200
        stuck.set()
        await slow

    asyncio.run(walk())
