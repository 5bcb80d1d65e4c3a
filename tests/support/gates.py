"""The gate alone, fed by hand: heads and bodies as a hostile client sends them, no socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

from starlette.types import ASGIApp

from foundation import web
from foundation.edge import Edge
from foundation.limits import Limits
from foundation.middleware import Gate
from foundation.runtime import Runtime

MOST = 1000


def gate_of(
    app: ASGIApp, runtime: Runtime, routes: Iterable[web.Route], threads: int = 40, **limits: Any
) -> Gate:
    return Gate(
        app,
        context=web.Context(
            origins=frozenset(),
            cookie_tag="0123abcd",
            secure_cookies=False,
            trusted_proxies=(),
            mac=runtime.keys.mac,
            who=lambda request: None,
        ),
        edge=Edge(runtime.database, runtime.pages),
        max_body=MOST,
        observe=lambda scope, status, seconds: None,
        routes=routes,
        threads=threads,
        limits=Limits(**limits),
    )


class Request:
    """One request: what it sent so far, and what came back. `body` yields its chunks, late."""

    def __init__(
        self,
        method: str,
        path: str,
        address: str = "198.51.100.7",
        headers: dict[str, str] | None = None,
        body: AsyncIterator[bytes] | None = None,
    ) -> None:
        sent = {"Host": "localhost", **(headers or {})}
        self.scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": [(k.lower().encode(), v.encode()) for k, v in sent.items()],
            "client": (address, 1),
            "scheme": "http",
            "server": ("localhost", 8000),
        }
        self._body = body
        self.asked_before_answer = 0
        self.sent: list[dict[str, Any]] = []

    async def __call__(self, gate: Gate) -> Request:
        await gate(self.scope, self._receive, self._send)
        return self

    async def _receive(self) -> dict[str, Any]:
        if not self.sent:
            self.asked_before_answer += 1
        if self._body is None:
            return {"type": "http.request", "body": b"", "more_body": False}
        try:
            return {"type": "http.request", "body": await anext(self._body), "more_body": True}
        except StopAsyncIteration:
            self._body = None
            return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {k.decode(): v.decode() for k, v in self.sent[0]["headers"]}


async def answered(scope: Any, receive: Any, send: Any) -> None:
    """An application that has nothing to say."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def settle() -> None:
    """Until nobody has anything to do but wait."""
    for _ in range(20):
        await asyncio.sleep(0)
