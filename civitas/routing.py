"""How a request finds its route: by one look-up where the path is fixed, else by trying in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from difflib import get_close_matches
from functools import partial, wraps
from inspect import iscoroutinefunction, unwrap
from typing import Any

from fastapi.routing import APIRoute, request_response
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Message, Receive, Scope, Send

from foundation import event_loop

LONGEST_SLIP = 80


class ProtocolRoute(Route):
    """A page, or a route with a protocol of its own: it shows in the metrics by its path, as the
    typed routes do, and not in OpenAPI."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches(scope)
        return match, {**found, "route": self}


def typed_route(
    path: str, method: str, endpoint: Callable[..., Any], told: Mapping[str, Any]
) -> APIRoute:
    """FastAPI's route, as `told`. The models of what goes in and out take it a millisecond: they
    are made once a process, however many deployments it assembles, each with its own endpoint."""
    key = (path, method, _written(endpoint))
    alike, route = _TYPED.get(key, (None, None))
    if route is None or alike != told:
        route = APIRoute(path, endpoint, methods=[method], **told)
        _TYPED[key] = told, route
        return route
    own = copy(route)
    own.endpoint = endpoint
    own.dependant = replace(route.dependant, call=endpoint)
    own.app = request_response(own.get_route_handler())
    return own


_TYPED: dict[tuple[str, str, object], tuple[Mapping[str, Any], APIRoute]] = {}


def _written(endpoint: Callable[..., Any]) -> object:
    """What stands in the code: the same signature, whatever it is bound to."""
    bound = []
    endpoint = unwrap(endpoint)
    while isinstance(endpoint, partial):
        bound.append((len(endpoint.args), *sorted(endpoint.keywords)))
        endpoint = unwrap(endpoint.func)
    return (endpoint, *bound)


def on_the_loop(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """A synchronous endpoint as one that the event loop calls, and that waits by stepping aside."""
    if iscoroutinefunction(endpoint):
        return endpoint

    @wraps(endpoint)
    async def call(*args: Any, **kwargs: Any) -> Any:
        return await event_loop.run(endpoint, *args, **kwargs)

    return call


class FixedPaths(BaseRoute):
    """Stands before the other routes: a deployment has 150, and trying each costs as much as the
    rest of the way. What it does not find, such as a wrong method, is left to them."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._found: dict[tuple[str | None, str], Route] = {
            (method, route.path): route
            for route in routes
            if isinstance(route, Route) and not route.param_convertors
            for method in (route.methods or set()) - {"OPTIONS"}
        }

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        route = self._found.get((scope.get("method"), scope.get("path", "")))
        if route is None:
            return Match.NONE, {}
        return Match.FULL, {"endpoint": route.endpoint, "path_params": {}, "route": route}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["route"].handle(scope, receive, send)


class Options(BaseRoute):
    """What can be done at an address — RFC 9110 §9.3.7, §10.2.1.

    A route that has an answer of its own, as the preflight of browsers, gives it; here the methods
    are added. `*` is the server as a whole.
    """

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._routes = tuple(routes)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope.get("method") != "OPTIONS":
            return Match.NONE, {}
        found = _at(self._routes, scope)
        if not found and scope["path"] != "*":
            return Match.NONE, {}
        return Match.FULL, {"route": found[0]} if found else {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        allow = allowed(self._routes, scope)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Allow"] = allow
            await send(message)

        for route in _at(self._routes, scope):
            match, found = route.matches(scope)
            if match is Match.FULL:
                scope.update(found)
                await route.handle(scope, receive, answer)
                return
        await Response(status_code=204)(scope, receive, answer)


def allowed(routes: Iterable[BaseRoute], scope: Scope) -> str:
    """All methods that a path has, as `Allow` lists them; of `*`, all that there are."""
    routes = tuple(routes)
    found = _at(routes, scope) if scope["path"] != "*" else routes
    methods = {m for route in found if isinstance(route, Route) for m in route.methods or ()}
    return ", ".join(sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())))


def nearest(routes: Iterable[BaseRoute], path: str) -> str | None:
    """The address that somebody meant who made a slip, or knows another server's; None if none is
    near. What is here is no secret: /api and the discovery documents tell of all of it."""
    if not 1 < len(path) <= LONGEST_SLIP:
        return None
    fixed = {r.path for r in routes if isinstance(r, Route) and not r.param_convertors}
    ends = [known for known in fixed if known.endswith(path)]
    if ends:
        return min(ends, key=len)
    return next(iter(get_close_matches(path, fixed, n=1, cutoff=0.85)), None)


def _at(routes: Iterable[BaseRoute], scope: Scope) -> list[Route]:
    return [
        route
        for route in routes
        if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE
    ]
