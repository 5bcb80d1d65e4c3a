"""Requests without a network, all in one event loop of the process, as a server has one."""

from __future__ import annotations

import asyncio
import atexit
import os
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from httpx import Response
from starlette.testclient import TestClient as OneLoopEach
from starlette.types import ASGIApp, Message

from foundation.event_loop import in_thread

__all__ = ["Answer", "Asked", "TestClient"]

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to the letter; `target` is what stands in the request line, as it is sent."""

    method: str
    target: str
    headers: dict[str, bytes] = field(default_factory=dict)
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` by their names in small letters; of a name that is there twice, the last."""

    status_code: int
    headers: dict[str, str]
    text: str


class TestClient(OneLoopEach):
    """Starlette's starts a thread and an event loop for each request, and goes there and back
    eight times, which takes far longer than most requests do. As a context manager it has a loop
    of its own, with the app's lifespan."""

    __test__ = False

    def __init__(self, app: ASGIApp, **more: Any) -> None:
        super().__init__(app, **more)
        client = more.get("client", ("testclient", 50000))
        self._transport = _Transport(app, client, self.app_state, self._portal_factory)

    def request(self, *args: Any, **kwargs: Any) -> Response:
        # Where one application asks another it waits for it, as for any fetch.
        answer: Response = in_thread(super().request, *args, **kwargs)
        return answer

    def ask_each(self, asked: Iterable[Asked], take: Callable[[Asked, Answer], None]) -> None:
        """Thousands of requests for the price of hundreds: one after another without leaving the
        loop, and nothing about them is made better than it is written.

        Each is sent with this client's headers and the cookies that it has now; it keeps none.
        `take` is given each answer, and may raise.
        """
        base = httpx.Request("GET", self.base_url, headers=self.headers)
        self.cookies.set_cookie_header(base)
        own = dict(base.headers.raw)
        port = self.base_url.port or _PORTS[self.base_url.scheme]

        async def ask(one: Asked) -> Answer:
            given = {name.lower().encode(): value for name, value in one.headers.items()}
            length = {b"content-length": b"%d" % len(one.content)} if one.content else {}
            path, _, query = one.target.partition("?")
            scope = {
                "type": "http",
                "asgi": {"version": "3.0"},
                "http_version": "1.1",
                "method": one.method,
                "scheme": self.base_url.scheme,
                "path": unquote(path),
                "raw_path": path.encode("ascii"),
                "root_path": "",
                "query_string": query.encode("ascii"),
                "headers": list(
                    {k.lower(): v for k, v in {**own, **length, **given}.items()}.items()
                ),
                "client": ("testclient", 50000),
                "server": (self.base_url.host, port),
                "state": self.app_state.copy(),
            }
            answer = _Answer(one.content)
            await self.app(scope, answer.receive, answer.send)
            assert answer.over, "no answer came, or half of one"
            headers = {
                name.decode().lower(): value.decode("latin-1") for name, value in answer.headers
            }
            return Answer(answer.status, headers, answer.body.decode("utf-8", "replace"))

        async def ask_all() -> None:
            for one in asked:
                take(one, await ask(one))

        with self._portal_factory() as portal:
            portal.call(ask_all)

    @contextmanager
    def _portal_factory(self) -> Iterator[BlockingPortal]:
        try:
            yield self.portal if self.portal is not None else _portal()
        except Exception:
            raise
        except BaseException:
            # What passes for the end of a process ended the loop, too.
            _stacks.pop(os.getpid(), None)
            raise


class _Transport(httpx.BaseTransport):
    """One request, whole, and one answer, whole: a single step to the loop and back."""

    def __init__(
        self,
        app: ASGIApp,
        client: tuple[str, int],
        state: dict[str, Any],
        portal: Callable[[], AbstractContextManager[BlockingPortal]],
    ) -> None:
        self._app = app
        self._client = client
        self._state = state
        self._portal = portal

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = _Answer(request.read())
        with self._portal() as portal:
            portal.call(self._app, self._scope(request), answer.receive, answer.send)
        assert answer.over, "no answer came, or half of one"
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=httpx.ByteStream(b"" if request.method == "HEAD" else answer.body),
            request=request,
        )

    def _scope(self, request: httpx.Request) -> MutableMapping[str, Any]:
        url = request.url
        path, _, query = url.raw_path.partition(b"?")
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": url.scheme,
            "path": unquote(url.path),
            "raw_path": path,
            "root_path": "",
            "query_string": query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": self._client,
            "server": (url.host, url.port or _PORTS[url.scheme]),
            "state": self._state.copy(),
        }


class _Answer:
    """What an application is given and gives, as ASGI 3.0 has it."""

    def __init__(self, asked: bytes) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.over = False
        self._asked: bytes | None = asked
        self._left = asyncio.Event()

    async def receive(self) -> Message:
        if self._asked is None:
            await self._left.wait()
            return {"type": "http.disconnect"}
        asked, self._asked = self._asked, None
        return {"type": "http.request", "body": asked, "more_body": False}

    async def send(self, message: Message) -> None:
        assert not self.over, "an answer came after the answer"
        if message["type"] == "http.response.start":
            assert not self.status, "an answer began twice"
            self.status = message["status"]
            self.headers = list(message.get("headers", ()))
            return
        assert message["type"] == "http.response.body"
        assert self.status, "an answer came before its head"
        self.body += message.get("body", b"")
        if not message.get("more_body", False):
            self.over = True
            self._left.set()


_stacks: dict[int, tuple[ExitStack, BlockingPortal]] = {}


def _portal() -> BlockingPortal:
    """That of this process: a fork has none of its parent's threads. It ends with the process."""
    process = os.getpid()
    if process not in _stacks:
        stack = ExitStack()
        _stacks[process] = stack, stack.enter_context(start_blocking_portal("asyncio"))
        atexit.register(stack.close)
    return _stacks[process][1]
