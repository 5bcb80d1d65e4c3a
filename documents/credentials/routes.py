"""Every URL of credentials, its specification beside it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from documents.credentials.credentials import Credentials
from documents.credentials.endpoints import account, presentations, wallets
from documents.credentials.offer import PATHS
from foundation.cross_origin import ANY_PAGE
from foundation.web import Route

_VCI, _VC = "OpenID4VCI", "SD-JWT VC"


def routes_of(credentials: Credentials) -> tuple[Route, ...]:
    return (*_wallets(credentials), *_account(credentials), *_shown(credentials))


def _wallets(credentials: Credentials) -> tuple[Route, ...]:
    def public(path: str, endpoint: Callable[..., Any], source: str) -> Route:
        return Route(("GET",), path, partial(endpoint, credentials), source, cross_origin=ANY_PAGE)

    def post(member: str, endpoint: Callable[..., Any], section: str) -> Route:
        return Route(("POST",), PATHS[member], partial(endpoint, credentials), f"{_VCI} {section}")

    return (
        public("/.well-known/openid-credential-issuer", wallets.issuer_metadata, f"{_VCI} §12.2"),
        public("/.well-known/jwt-vc-issuer", wallets.vc_issuer_metadata, f"{_VC} §5"),
        public("/credentials/types/{configuration}", wallets.type_metadata, f"{_VC} §6"),
        public("/credentials/status/{number}", wallets.status, "Token Status List §8"),
        public("/openid4vci/offers/{secret}", wallets.offer, f"{_VCI} §4.1.3"),
        post("nonce_endpoint", wallets.nonce, "§7"),
        post("credential_endpoint", wallets.credential, "§8"),
        post("deferred_credential_endpoint", wallets.deferred, "§9"),
        post("notification_endpoint", wallets.notification, "§11"),
    )


def _shown(credentials: Credentials) -> tuple[Route, ...]:
    here, scope = "/presentations/v1/requests", {"security": [{"bearer": [presentations.ASKS]}]}

    def program(method: str, path: str, endpoint: Callable[..., Any], **options: Any) -> Route:
        options["openapi_extra"] = scope
        source = "Civitas presentations API v1"
        return Route(
            (method,), path, partial(endpoint, credentials), source, api=True, options=options
        )

    def wallet(methods: tuple[str, ...], path: str, endpoint: Callable[..., Any], at: str) -> Route:
        return Route(methods, path, partial(endpoint, credentials), f"OpenID4VP {at}")

    by_id = "/{request_id}"
    return (
        program("POST", here, presentations.ask, status_code=201),
        program("GET", here + by_id, presentations.stands),
        wallet(
            ("GET", "POST"), "/openid4vp/requests" + by_id, presentations.request_object, "§5.10"
        ),
        wallet(("POST",), "/openid4vp/responses" + by_id, presentations.response, "§8"),
        Route(("GET",), "/show" + by_id, partial(presentations.page, credentials), "OpenID4VP §3"),
    )


def _account(credentials: Credentials) -> tuple[Route, ...]:
    source = "GDPR art. 7, 20"

    def page(method: str, path: str, endpoint: Callable[..., Any], **more: Any) -> Route:
        return Route((method,), path, partial(endpoint, credentials), source, **more)

    return (
        page("GET", account.HERE, account.show),
        page("GET", f"{account.HERE}/offer", account.choose),
        page("POST", f"{account.HERE}/offer", account.offer),
        page("POST", f"{account.HERE}/end", account.end, asks_first=("end",)),
    )
