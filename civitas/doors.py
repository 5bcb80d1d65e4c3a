"""How a request finds its door: by one look-up where the path is fixed, else by trying in turn."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send


class ProtocolDoor(Route):
    """A page, or a door with a protocol of its own: it shows in the metrics by its path, as the
    typed doors do, and not in OpenAPI."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches(scope)
        return match, {**found, "route": self}


class FixedPaths(BaseRoute):
    """Stands before the other routes: a deployment has 150, and trying each costs as much as the
    rest of the way. What it does not find, such as a wrong method, is left to them."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._found: dict[tuple[str | None, str], Route] = {
            (method, route.path): route
            for route in routes
            if isinstance(route, Route) and not route.param_convertors
            for method in route.methods or ()
        }

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        route = self._found.get((scope.get("method"), scope.get("path", "")))
        if route is None:
            return Match.NONE, {}
        return Match.FULL, {"endpoint": route.endpoint, "path_params": {}, "route": route}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["route"].handle(scope, receive, send)
