"""Routes of the integrators' place."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from foundation.web import Route
from idp.developers.developers import Developers
from idp.developers.endpoints import asking, registering, services, trials
from idp.oauth import TRIED

_REGISTER, _MANAGE, _SECRET = "RFC 7591", "RFC 7592 §2", "RFC 9700 §4.14"
_WHY, _TRY = "ISO/IEC 27002 8.15", "RFC 6749 §4.1"
Endpoint = Callable[[Developers, Request], Response]
_ONE = "/developers/services/{client_id}"


def routes_of(developers: Developers) -> tuple[Route, ...]:
    def route(method: str, path: str, endpoint: Endpoint, source: str, **more: Any) -> Route:
        return Route((method,), path, partial(endpoint, developers), source, **more)

    return (
        route("GET", "/developers", services.listing, _MANAGE),
        route("GET", "/developers/services/add", registering.ask_new, _REGISTER),
        route("POST", "/developers/services/add", registering.add, _REGISTER),
        route("GET", _ONE, services.one, _WHY),
        route("GET", f"{_ONE}/change", registering.ask_change, _MANAGE),
        route("POST", f"{_ONE}/change", registering.change, _MANAGE),
        route("POST", f"{_ONE}/secret", services.secret, _SECRET),
        route("POST", f"{_ONE}/remove", services.remove, _MANAGE, asks_first=("remove",)),
        route("GET", f"{_ONE}/production", asking.show, _REGISTER),
        route("POST", f"{_ONE}/production", asking.ask, _REGISTER),
        route("POST", f"{_ONE}/take-back", asking.take_back, _REGISTER),
        route("POST", f"{_ONE}/try", trials.prepare, _TRY),
        route("GET", "/developers/trials/{secret}", trials.begin, _TRY),
        route("GET", TRIED, trials.tried, _TRY),
    )
