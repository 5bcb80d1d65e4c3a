"""The routes of the federation, by the part that this deployment takes."""

from collections.abc import Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from foundation.cross_origin import ANY_PAGE, CrossOrigin
from foundation.web import Route
from idp.federation.endpoints import completion, console
from idp.federation.endpoints.entity_configuration import entity_configuration
from idp.federation.endpoints.fetch import fetch
from idp.federation.endpoints.historical_keys import historical_keys
from idp.federation.endpoints.listing import listing
from idp.federation.endpoints.register_page import register_page
from idp.federation.endpoints.resolve import resolve
from idp.federation.endpoints.trust_mark import trust_mark
from idp.federation.endpoints.trust_mark_list import trust_mark_list
from idp.federation.endpoints.trust_mark_status import trust_mark_status
from idp.federation.federation import Federation

GET, POST = ("GET",), ("POST",)
SPEC = "OpenID Federation 1.0"
FINAL = ("withdraw",)
CONSOLE = "Regulator's console"


def routes_of(federation: Federation) -> tuple[Route, ...]:
    """None for a provider on its own; a leaf publishes its configuration; an anchor has all."""

    def route(
        methods: tuple[str, ...],
        path: str,
        endpoint: Callable[[Federation, Request], Response],
        specification: str,
        readers: CrossOrigin | None = None,
        asks: tuple[str, ...] = (),
    ) -> Route:
        bound = partial(endpoint, federation)
        return Route(methods, path, bound, specification, cross_origin=readers, asks_first=asks)

    own: tuple[Route, ...] = (
        route(GET, "/.well-known/openid-federation", entity_configuration, f"{SPEC} §9", ANY_PAGE),
    )
    anchor = (
        route(GET, "/federation/fetch", fetch, f"{SPEC} §8.1"),
        route(GET, "/federation/list", listing, f"{SPEC} §8.2"),
        route(GET, "/federation/resolve", resolve, f"{SPEC} §8.3"),
        route(POST, "/federation/trust-mark-status", trust_mark_status, f"{SPEC} §8.4"),
        route(GET, "/federation/trust-mark-list", trust_mark_list, f"{SPEC} §8.5"),
        route(GET, "/federation/trust-mark", trust_mark, f"{SPEC} §8.6"),
        route(GET, "/federation/historical-keys", historical_keys, f"{SPEC} §8.7"),
        route(GET, "/regulator", console.overview, CONSOLE),
        route(GET, "/regulator/completion", completion.page, CONSOLE),
        route(POST, "/regulator/apply", console.apply, CONSOLE),
        route(GET, "/regulator/entities/{reference}", console.entity, CONSOLE),
        route(POST, "/regulator/entities/{reference}/{act}", console.act, CONSOLE, asks=FINAL),
        route(GET, "/register-of-providers", register_page, "Public register"),
    )
    if federation.role == "none":
        return ()
    if federation.reports:
        own += (route(GET, "/federation/completion", completion.tell, "Report to the regulator"),)
    return own + anchor if federation.role == "anchor" else own
