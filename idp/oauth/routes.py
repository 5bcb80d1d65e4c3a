"""Every route of the authorization server, with the specification that it follows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from foundation.cross_origin import ANY_PAGE, CrossOrigin
from foundation.web import Route
from idp.oauth import cross_origin, resources
from idp.oauth.acting import ActingServices
from idp.oauth.authorization_server import OAuth
from idp.oauth.endpoints import (
    asking,
    authorize,
    check_session,
    consent,
    device,
    discovery,
    end_session,
    introspect,
    jwks,
    par,
    register,
    revoke,
    services,
    signals,
    token,
    userinfo,
)
from idp.oauth.errors import said
from idp.oauth.signals.management import POLL_PATH

Endpoint = Callable[[OAuth, Request], Response]
BOTH = ("GET", "POST")
WATCHED = (
    "/oauth/authorize",
    "/oauth/device_authorization",
    "/oauth/introspect",
    "/oauth/par",
    "/oauth/revoke",
    "/oauth/token",
)
"""Where a request says whose it is: what is refused there its owner may read."""


def routes_of(oauth: OAuth) -> tuple[Route, ...]:
    """The suite's table of contents."""

    pages_of_clients = CrossOrigin(oauth.is_client_origin)

    def route(
        methods: tuple[str, ...],
        path: str,
        endpoint: Endpoint,
        source: str,
        readers: CrossOrigin | None = None,
    ) -> Route:
        says = said if readers is pages_of_clients else None
        if path in WATCHED:
            endpoint = oauth.watching.watched(endpoint)
        return Route(
            methods, path, partial(endpoint, oauth), source, cross_origin=readers, says=says
        )

    def shared(
        methods: tuple[str, ...],
        path: str,
        endpoint: Endpoint,
        source: str,
        readers: CrossOrigin = pages_of_clients,
    ) -> tuple[Route, Route]:
        """A route that pages of other origins may come to, with the question before it."""
        asked = route(("OPTIONS",), path, cross_origin.preflight, "Fetch §3.2", readers)
        return route(methods, path, endpoint, source, readers), asked

    return (
        route(BOTH, "/oauth/authorize", authorize.authorize, "RFC 6749 §3.1, OIDC Core §3.1.2"),
        route(("GET",), "/oauth/come", authorize.come, "OIDC Core §3.1.2.1, RFC 6265bis §5.6.7.1"),
        route(("GET",), "/oauth/continue", authorize.resume, "OIDC Core §3.1.2.3"),
        route(("GET",), "/oauth/cancel", authorize.cancel, "OIDC Core §3.1.2.6"),
        route(("GET",), "/oauth/consent", consent.show, "ISO/IEC 29184, OIDC Core §3.1.2.4"),
        route(("POST",), "/oauth/consent", consent.answer, "ISO/IEC 29184, OIDC Core §3.1.2.4"),
        *shared(("POST",), "/oauth/device_authorization", device.start, "RFC 8628 §3.1"),
        route(("GET",), device.HERE, device.ask, "RFC 8628 §3.3"),
        route(("POST",), device.HERE, device.enter, "RFC 8628 §3.3"),
        route(("GET",), f"{device.HERE}/done", device.done, "RFC 8628 §3.3"),
        route(("POST",), "/oauth/backchannel-authentication", asking.ask, "CIBA Core §7"),
        route(("GET",), asking.HERE, asking.listing, "CIBA Core §8"),
        route(("POST",), asking.HERE, asking.answer, "CIBA Core §8"),
        route(("GET",), f"{asking.HERE}/done", asking.done, "CIBA Core §8"),
        *shared(("POST",), "/oauth/par", par.push, "RFC 9126 §2"),
        route(("POST",), "/oauth/register", register.register, "RFC 7591 §3, OIDC Registration §3"),
        route(("GET",), "/oauth/register/{client_id}", register.read, "RFC 7592 §2.1"),
        route(("PUT",), "/oauth/register/{client_id}", register.update, "RFC 7592 §2.2"),
        route(("DELETE",), "/oauth/register/{client_id}", register.delete, "RFC 7592 §2.3"),
        *shared(("POST",), "/oauth/token", token.token, "RFC 6749 §3.2, RFC 8705"),
        *shared(("POST",), "/oauth/introspect", introspect.introspect, "RFC 7662"),
        *shared(("POST",), "/oauth/revoke", revoke.revoke, "RFC 7009"),
        *shared(BOTH, "/oauth/userinfo", userinfo.userinfo, "OIDC Core §5.3, RFC 6750"),
        *shared(("GET",), "/oauth/jwks", jwks.jwks, "RFC 7517 §5", ANY_PAGE),
        route(BOTH, "/oauth/end-session", end_session.end_session, "OIDC RP-Initiated Logout §2"),
        route(
            ("POST",),
            "/oauth/end-session/confirm",
            end_session.confirm,
            "OIDC RP-Initiated Logout §2",
        ),
        route(("GET",), check_session.HERE, check_session.frame, "OIDC Session Management §3.2"),
        route(
            ("GET",),
            f"{check_session.HERE}/state",
            check_session.state,
            "OIDC Session Management §3.2",
        ),
        *shared(
            ("GET",),
            "/.well-known/openid-configuration",
            discovery.configuration,
            "OIDC Discovery §4",
            ANY_PAGE,
        ),
        *shared(
            ("GET",),
            "/.well-known/oauth-authorization-server",
            discovery.configuration,
            "RFC 8414 §3",
            ANY_PAGE,
        ),
        *_signals(route),
        *(
            one
            for path in resources.PATHS
            for one in shared(
                ("GET",),
                resources.WELL_KNOWN + path,
                discovery.protected_resource,
                "RFC 9728 §3",
                ANY_PAGE,
            )
        ),
    )


def account_routes(acting: ActingServices) -> tuple[Route, ...]:
    """The person's own pages over the services that can act for them."""
    source = "GDPR art. 7(3), 15"
    return (
        Route(("GET",), services.HERE, partial(services.listing, acting), source),
        Route(("GET",), services.END, partial(services.ask, acting), source),
        Route(("POST",), services.END, partial(services.end, acting), source),
        Route(("POST",), services.ANEW, partial(services.anew, acting), source),
        Route(("GET",), services.BEGIN, partial(services.begin, acting), "OIDC Core §4"),
        Route(("GET",), services.REVIEW, partial(services.review, acting), source),
        Route(("POST",), services.REVIEW, partial(services.reviewed, acting), source),
    )


def _signals(route: Callable[..., Route]) -> tuple[Route, ...]:
    """What services hear of sign-ins, by streams of their own."""
    source, api = "SSF §8.1", signals
    return (
        route(("GET",), "/.well-known/ssf-configuration", api.metadata, "SSF §7.1"),
        route(("POST",), api.STREAM, api.create, source),
        route(("GET",), api.STREAM, api.read, source),
        route(("PATCH",), api.STREAM, api.update, source),
        route(("PUT",), api.STREAM, api.put, source),
        route(("DELETE",), api.STREAM, api.remove, source),
        route(("GET",), api.STATUS, api.status, source),
        route(("POST",), api.STATUS, api.set_status, source),
        route(("POST",), api.VERIFY, api.verify, source),
        route(("POST",), POLL_PATH, api.poll, "RFC 8936 §2"),
    )
