"""Who is refused again and again waits for it; nobody else does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette import requests
from starlette.responses import Response

from foundation import tarpit, web
from foundation.errors import Forbidden
from foundation.runtime import Runtime
from foundation.tarpit import A_MINUTE, AT_ONCE, FEW, LONGEST, STEP, Tarpit
from tests.support.gates import Request, gate_of

LARGE = 400_000
HERE = {"content-length": str(LARGE)}


class Watch:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.mark.row("failures", "15")
def test_each_refusal_beyond_a_few_is_held_back_a_little_longer(watch: Watch) -> None:
    held = Tarpit(watch)
    waits = [held.seconds("2001:db8::/40", FEW) for _ in range(AT_ONCE + 40)]
    assert waits[:AT_ONCE] == [0.0] * AT_ONCE
    assert waits[AT_ONCE : AT_ONCE + 3] == [STEP, 2 * STEP, 3 * STEP]
    assert waits[-1] == LONGEST
    assert held.seconds("192.0.2.1", FEW) == 0.0, "another party"


def test_refusals_are_forgotten_with_time(watch: Watch) -> None:
    held = Tarpit(watch)
    for _ in range(1000):
        held.seconds("192.0.2.1", FEW)
    watch.now += LONGEST / STEP * 60 / A_MINUTE
    assert held.seconds("192.0.2.1", FEW) == pytest.approx(STEP)
    watch.now += 60
    assert held.seconds("192.0.2.1", FEW) == 0.0


def test_while_few_are_here_nobody_waits(watch: Watch) -> None:
    held = Tarpit(watch)
    assert {held.seconds("192.0.2.1", FEW - 1) for _ in range(1000)} == {0.0}


def test_what_is_known_of_parties_and_who_waits_is_bounded(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tarpit, "_PARTIES", 3)
    held = Tarpit(watch)
    for _ in range(AT_ONCE + 1):
        held.seconds("192.0.2.1", FEW)
    for number in range(2, 5):
        held.seconds(f"192.0.2.{number}", FEW)
    assert held.seconds("192.0.2.1", FEW) == 0.0, "forgotten for those who came since"
    monkeypatch.setattr(tarpit, "MANY", 0)
    for _ in range(AT_ONCE + 1):
        assert held.seconds("192.0.2.1", FEW) == 0.0


def refusing(status: int) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return app


@pytest.mark.parametrize(
    ("status", "path", "counted"),
    [
        *((200, "/hash", 0), (303, "/hash", 0), (401, "/other", 0), (422, "/other", 0)),
        *((422, "/hash", 1), (429, "/other", 1)),
    ],
)
def test_guesses_and_attempts_too_many_are_counted_and_no_step_of_a_protocol(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, status: int, path: str, counted: int
) -> None:
    parties: list[str] = []

    async def hold(self: Tarpit, party: str, here: int) -> None:
        parties.append(party)

    monkeypatch.setattr(Tarpit, "hold", hold)
    route = web.Route(("POST",), "/hash", Response, "test", hashes=True)
    gate = gate_of(refusing(status), runtime, [route])
    request = Request("POST", path, "2001:db8:aa00:1::7")
    asyncio.run(request(gate))  # type: ignore[arg-type]
    assert request.status == status
    assert parties == ["2001:db8:aa00::/40"] * counted


@pytest.mark.row("failures", "15")
@pytest.mark.parametrize("shown", [{}, {"cookie": "session=a"}, {"authorization": "Bearer a"}])
def test_who_shows_nothing_is_refused_a_large_body_without_a_turn(
    runtime: Runtime, shown: dict[str, str]
) -> None:
    asked: list[int] = []

    def admits(request: requests.Request) -> None:
        asked.append(gate.acts.busy)
        raise Forbidden("Not for you.")

    route = web.Route(("POST",), "/large", Response, "test", max_body=LARGE, admits=admits)
    gate = gate_of(refusing(200), runtime, [route])
    request = Request("POST", "/large", headers={**HERE, **shown})
    asyncio.run(request(gate))  # type: ignore[arg-type]
    assert request.status == 403
    assert asked == [1 if shown else 0]
