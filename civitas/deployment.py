"""One deployment, assembled: what it serves, who answers `principal`, what starts with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from starlette.requests import Request

from foundation.runtime import Runtime
from foundation.web import Principal, Route

Who = Callable[[Request], Principal | None]


@dataclass(frozen=True)
class Deployment:
    """The answer of a governance model to "what do we serve?".

    `routes` maps the name of a package or suite to its endpoints, in the order in which they are
    matched. `prepare` makes first keys (`civitas init`, `civitas db upgrade`). `on_start` mends
    what a crash left unfinished. `parts` are the packages by name, for the command line.
    `knows_certificates`: clients may be known by one, so TLS asks for it.
    """

    runtime: Runtime
    routes: Mapping[str, tuple[Route, ...]]
    who: Who
    way_back: Callable[[Request, str | None], object] = lambda request, errand: None
    signed_out: Callable[[str], str] = lambda session: ""
    frames: Callable[[Request], Sequence[str]] = lambda request: ()
    resource_metadata: Callable[[str], str | None] = lambda path: None
    prepare: tuple[Callable[[Runtime], object], ...] = ()
    on_start: tuple[Callable[[datetime], object], ...] = ()
    parts: Mapping[str, Any] = field(default_factory=dict)
    knows_certificates: bool = False
