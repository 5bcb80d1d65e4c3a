"""Which route a request is for, from its head alone: what the gate has to know before a body."""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.routing import compile_path

from foundation.web import Route


class RouteTable:
    """The routes of a deployment by method and path, first come first."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._fixed: dict[tuple[str, str], Route] = {}
        self._patterns: list[tuple[re.Pattern[str], Route]] = []
        for route in routes:
            if "{" in route.path:
                self._patterns.append((compile_path(route.path)[0], route))
                continue
            for method in route.methods:
                self._fixed.setdefault((method, route.path), route)

    def find(self, method: str, path: str) -> Route | None:
        """The route, or None: then there is nothing at this address, or not by this method."""
        found = self._fixed.get((method, path))
        if found is not None:
            return found
        for pattern, route in self._patterns:
            if method in route.methods and pattern.match(path):
                return route
        return None

    def find_fixed(self, method: str, path: str) -> Route | None:
        """As `find`, among the paths that hold no parameter: by one look."""
        return self._fixed.get((method, path))
