"""Which door a request is for, from its head alone: what the gate has to know before a body."""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.routing import compile_path

from foundation.web import Door


class Doorbook:
    """The doors of a deployment by method and path, first come first."""

    def __init__(self, doors: Iterable[Door]) -> None:
        self._fixed: dict[tuple[str, str], Door] = {}
        self._patterns: list[tuple[re.Pattern[str], Door]] = []
        for door in doors:
            if "{" in door.path:
                self._patterns.append((compile_path(door.path)[0], door))
                continue
            for method in door.methods:
                self._fixed.setdefault((method, door.path), door)

    def find(self, method: str, path: str) -> Door | None:
        """The door, or None: then there is nothing at this address, or not by this method."""
        found = self._fixed.get((method, path))
        if found is not None:
            return found
        for pattern, door in self._patterns:
            if method in door.methods and pattern.match(path):
                return door
        return None

    def find_fixed(self, method: str, path: str) -> Door | None:
        """As `find`, among the paths that hold no parameter: by one look."""
        return self._fixed.get((method, path))
