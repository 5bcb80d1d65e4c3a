"""What every request passes: a capped body, a fair turn, security headers, one place for errors.

Plain ASGI, since Starlette's BaseHTTPMiddleware costs more than some of our endpoints.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from contextlib import AsyncExitStack
from typing import Any

from sqlalchemy.exc import DataError
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from foundation import event_loop, networks
from foundation.bodies import Bodies, Body, declared, expected, refuse_declared
from foundation.browser import browser_cookies
from foundation.cross_origin import ANY_PAGE, CrossOrigin
from foundation.edge import Edge
from foundation.errors import BadRequest, CivitasError, Unavailable
from foundation.fair_queue import Descent, FairQueue
from foundation.host import check_host
from foundation.limits import Limits
from foundation.outages import outage
from foundation.peer import client_address
from foundation.route_table import RouteTable
from foundation.tarpit import Tarpit
from foundation.web import Context, Route

log = logging.getLogger("civitas.http")
LINGER_SECONDS, LINGER_BYTES, LINGER_PAUSE = 2.0, 262_144, 0.25
Observe = Callable[[Scope, int, float], None]


CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""Nothing from elsewhere, nothing inline, nobody's frame."""
CSP = b"content-security-policy"
FORMS_STAY = "; form-action 'self'"
"""Left out where a form's answer may lead back to a service: browsers hold every redirect after a
form against this list, also those of the service itself, and neither [::1] nor the scheme of a
native application (RFC 8252 §7.1, §7.3) has a name in it (CSP 3 §2.3.1)."""


class Gate:
    """The outermost ASGI layer."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        context: Context,
        edge: Edge,
        max_body: int,
        observe: Observe,
        routes: Iterable[Route] = (),
        threads: int = 40,
        limits: Limits | None = None,
    ) -> None:
        self._app = app
        self._context = context
        self._edge = edge
        self._max_body = max_body
        routes = tuple(routes)
        self._routes = RouteTable(routes)
        self._cross_origin = {r.path: r.cross_origin for r in routes if r.cross_origin}
        self._observe = observe
        limits = limits or Limits()
        self.work = FairQueue(threads, limits.waiting)
        # On the event loop: one of them computes, the others wait for a database or a thread.
        self.acts = FairQueue(threads, limits.waiting)
        # One is hashed while the next reads its row; the rest waits here, without a thread.
        self.hashing = FairQueue(1 + (os.cpu_count() or 1), limits.hashes_waiting)
        # Large bodies come in a few at a time, to disk; one of them is worked on, in memory.
        self.coming_in = FairQueue(limits.large_bodies, limits.large_bodies)
        self.large = FairQueue(1, limits.large_bodies)
        self._bodies = Bodies(limits)
        self.tarpit = Tarpit()
        self._here = 0
        headers = {
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "x-frame-options": "DENY",
            "cross-origin-opener-policy": "same-origin",
            "permissions-policy": "geolocation=(), camera=(), microphone=()",
        }
        if context.secure_cookies:
            headers["strict-transport-security"] = "max-age=31536000"
        self._headers = [(k.encode(), v.encode()) for k, v in headers.items()]
        policy = CSP, CONTENT_SECURITY_POLICY.encode()
        self._leading_back = [*self._headers, policy]
        self._headers.append((policy[0], policy[1] + FORMS_STAY.encode()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] == "HEAD":
            # RFC 9110 §9.3.2: all that GET would say but the content. The server below still knows.
            await self._pass({**scope, "method": "GET"}, receive, _without_content(send))
        else:
            await self._pass(scope, receive, send)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["civitas"] = self._context
        started = time.perf_counter()
        took, status = 0.0, 500
        under_way = False
        self._here += 1

        turn = AsyncExitStack()

        async def answer(message: Message) -> None:
            nonlocal took, status, under_way
            if message["type"] == "http.response.start":
                under_way = True
                took, status = time.perf_counter() - started, message["status"]
                readers = self._cross_origin.get(scope["path"])
                told = {} if readers is None else await _told(readers, Request(scope))
                self._add_headers(scope, message, told)
                # The work is done; who reads the answer slowly keeps nobody waiting.
                await turn.aclose()
                if _is_in_vain(scope, status):
                    party = networks.party(client_address(Request(scope)))
                    await self.tarpit.hold(party, self._here)
            elif _unread(scope) and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await _linger(receive)
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        try:
            try:
                async with turn:
                    handed_on = await self._enter(turn, scope, receive)
                    await self._app(scope, handed_on, answer)
            except Exception as error:
                if under_way:
                    raise
                request, refusal = Request(scope, receive), as_refusal(error)
                # It says the refusal; one with a parameter in its path was not looked for yet.
                scope["civitas.route"] = self._routes.find(scope["method"], scope["path"])
                if refusal is not None and self._edge.is_light(request, refusal):
                    response: ASGIApp = self._edge.answer(request, refusal)
                else:
                    response = await event_loop.run(self._respond, request, error, refusal)
                await response(scope, receive, answer)
        finally:
            if (body := scope.get("civitas.body")) is not None:
                body.close()
            self._here -= 1
            # Not how long somebody took to read it, or was held back.
            self._observe(scope, status, took or time.perf_counter() - started)

    async def _enter(self, turn: AsyncExitStack, scope: Scope, receive: Receive) -> Receive:
        """Read the body, and wait until it is this request's turn."""

        def descent() -> tuple[str, ...]:
            return networks.descent(client_address(Request(scope)))

        check_host(scope)
        scope["civitas.route"] = route = self._route(scope)
        if scope["method"] != "GET" or expected(scope):
            scope["civitas.unread"] = True
            receive = await self._take_body(turn, scope, receive, route, descent)
            scope["civitas.unread"] = False
        if route is not None and route.light:
            return receive
        if route is not None and route.hashes:
            await turn.enter_async_context(self.hashing.turn(descent))
        slow = route is not None and route.in_thread
        await turn.enter_async_context((self.work if slow else self.acts).turn(descent))
        return receive

    async def _take_body(
        self,
        turn: AsyncExitStack,
        scope: Scope,
        receive: Receive,
        route: Route | None,
        descent: Descent,
    ) -> Receive:
        most = self._most(scope, route)
        refuse_declared(scope, most)
        if route is None or route.admits is None or not self._may_be_large(scope):
            scope["civitas.body"] = body = await self._bodies.read(scope, receive, most)
            return _replayed(body, receive)
        if _shows_nothing(scope):
            route.admits(Request(scope))  # asks nobody's store: takes no turn and no thread
        else:
            async with self.acts.turn(descent):
                await event_loop.run(route.admits, Request(scope))
        async with self.coming_in.turn(descent):
            scope["civitas.body"] = body = await self._bodies.read(scope, receive, most)
        await turn.enter_async_context(self.large.turn(descent))
        return _replayed(body, receive)

    def _most(self, scope: Scope, route: Route | None) -> int:
        if scope["method"] == "GET":
            return 0  # RFC 9110 §9.3.1: such a body means nothing
        return route.max_body if route is not None and route.max_body else self._max_body

    def _may_be_large(self, scope: Scope) -> bool:
        chunked = any(name == b"transfer-encoding" for name, _ in scope["headers"])
        return chunked or declared(scope) > self._max_body

    def _route(self, scope: Scope) -> Route | None:
        if "\0" in scope["path"]:
            raise BadRequest("The path holds a NUL character.", where="path")
        if scope["method"] == "GET":
            return self._routes.find_fixed("GET", scope["path"])
        return self._routes.find(scope["method"], scope["path"])

    def _respond(self, request: Request, error: Exception, refusal: CivitasError | None) -> ASGIApp:
        if refusal is not None:
            return self._edge.answer(request, refusal)
        return self._edge.defect(request, error)

    def _add_headers(
        self, scope: Scope, message: MutableMapping[str, Any], told: Mapping[str, str]
    ) -> None:
        headers = list(message.get("headers", ()))
        headers += [(name.encode(), value.encode()) for name, value in told.items()]
        present = {name for name, _ in headers}
        ours = self._leading_back if scope.get("civitas.leads_back") else self._headers
        if framed := scope.get("civitas.frames"):
            # CSP 3 §6.7.2: exactly the origins whose pages it shows, and nobody else's.
            policy = b"; frame-src " + " ".join(framed).encode()
            ours = [(k, v + policy if k == CSP else v) for k, v in ours]
        if any(k == CSP and b"frame-ancestors" in v for k, v in headers):
            # CSP 3 §6.4.2.1: it stands in its place, and older browsers read the other alone.
            present.add(b"x-frame-options")
        headers += [(k, v) for k, v in ours if k not in present]
        if _unread(scope):
            headers.append((b"connection", b"close"))
        headers += [(b"set-cookie", told.encode()) for told in browser_cookies(Request(scope))]
        message["headers"] = headers


async def _told(readers: CrossOrigin, request: Request) -> Mapping[str, str]:
    asking = request.headers.get("origin")
    if asking is None or readers is ANY_PAGE:
        return readers.headers(asking)
    # Whose page that is stands in the database.
    return await event_loop.run(readers.headers, asking)


def _without_content(send: Send) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return answer


def _is_in_vain(scope: Scope, status: int) -> bool:
    """Whether this refuses what helps nobody: a body that does not come or is not wanted, a guess,
    one attempt too many. A challenge (401) is a step of a protocol that many devices behind one
    address take."""
    if status in (408, 413, 429):
        return True
    route: Route | None = scope.get("civitas.route")
    return _unread(scope) or (status == 422 and route is not None and route.hashes)


def _shows_nothing(scope: Scope) -> bool:
    """Whether the head holds nothing by which its sender could be known."""
    return not any(name in (b"cookie", b"authorization") for name, _ in scope["headers"])


def _unread(scope: Scope) -> bool:
    """Whether the caller may still be sending a body that nobody will read."""
    return bool(scope.get("civitas.unread")) and expected(scope)


async def _linger(receive: Receive) -> None:
    """Who is refused in the middle of a body gets to read why: closing at once would reset the
    connection and take the answer with it — RFC 9112 §9.6."""
    read = 0
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            # Most stop or are gone when they have read the answer: then nothing is read in vain.
            await asyncio.sleep(LINGER_PAUSE)
            while True:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
                read += len(message.get("body", b""))
                del message  # and its body, for as long as we pause
                if read >= LINGER_BYTES:
                    # Who sends on is slowed down, and may read meanwhile; who is gone is noticed
                    # soon, and what was read of them is given back.
                    await asyncio.sleep(LINGER_PAUSE)
    except TimeoutError:
        return


def _replayed(body: Body, receive: Receive) -> Receive:
    """The body once more, for frameworks that read it themselves."""
    handed_over = False

    async def replay() -> Message:
        nonlocal handed_over
        if handed_over:
            return await receive()
        handed_over = True
        return {"type": "http.request", "body": body.whole(), "more_body": False}

    return replay


def as_refusal(error: Exception) -> CivitasError | None:
    """The refusal that an exception of a library stands for, or None for a defect of ours."""
    if isinstance(error, CivitasError):
        return error
    found = outage(error)
    if found is not None:
        log.warning("%s (%s)", found.sentence, str(error).splitlines()[0])
        return Unavailable(
            found.sentence,
            next_step="Try again in a few seconds."
            if found.retry_after < 30
            else "Try again in a few minutes.",
            headers={"Retry-After": str(found.retry_after)},
        )
    if isinstance(error, UnicodeEncodeError | DataError):
        return BadRequest(
            "A value holds characters that cannot be stored.",
            next_step="Send valid Unicode text without NUL characters.",
            detail=str(error)[:200],
        )
    return None
