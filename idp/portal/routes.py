"""Routes of the portal: pages for the citizen, and the same for their programs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from foundation.web import Route
from idp.portal.endpoints import (
    account,
    api,
    codes,
    consents,
    credentials,
    home,
    identity_check,
    number,
    own_data,
    recovery,
    work,
)
from idp.portal.identity_check import SCOPE
from idp.portal.portal import Portal
from idp.portal.ports import Account
from idp.portal.staff_account import StaffAccount

Endpoint = Callable[[Account, Request], Response]

_ACCESS, _PORTABLE = "GDPR art. 15", "GDPR art. 20"
_RECTIFY = "GDPR art. 16"
_CONSENT = "GDPR art. 7(3)"
_ACTS = "ISO/IEC 27002 8.15"
_CREDENTIALS = "ISO/IEC 29115 CM-9"
_TOTP, _CARD = "RFC 6238", "NIST SP 800-63B §5.1.2"
_NUMBER = "ISO/IEC 24760-1 §7.3"
_ONE = "/account/consents/{consent_id}"
_OWN = {"openapi_extra": {"security": [{"session": ["citizen"]}]}}


def routes_of(portal: Portal) -> tuple[Route, ...]:
    return (
        Route(("GET",), "/", partial(home.home, portal.runtime), "WCAG 2.2"),
        Route(("GET",), "/account", partial(account.overview, portal), _ACCESS),
        Route(("GET",), "/account/ledger", partial(account.ledger_page, portal), _ACCESS),
        Route(
            ("GET",),
            "/account/ledger.json",
            partial(account.ledger_file, portal),
            _PORTABLE,
            in_thread="writes a file of many events",
        ),
        Route(
            ("GET",),
            "/account/data.json",
            partial(account.data, portal),
            _PORTABLE,
            in_thread="writes a file of many events",
        ),
        Route(("GET",), "/account/data", partial(own_data.show, portal), _ACCESS),
        Route(("POST",), "/account/data", partial(own_data.change, portal), _RECTIFY),
        Route(("POST",), "/account/data/wrong", partial(own_data.wrong, portal), _RECTIFY),
        Route(("GET",), "/account/devices", partial(account.devices, portal), _ACCESS),
        Route(("GET",), "/account/consents", partial(consents.listing, portal), _CONSENT),
        Route(("GET",), _ONE, partial(consents.one, portal), _CONSENT),
        Route(("POST",), f"{_ONE}/withdraw", partial(consents.withdraw, portal), _CONSENT),
        Route(
            ("GET",),
            "/.well-known/change-password",
            partial(credentials.change_password_here, portal),
            "W3C Change Password URL",
        ),
        Route(
            ("GET",),
            "/.well-known/passkey-endpoints",
            partial(credentials.passkey_endpoints, portal),
            "W3C Passkey Endpoints",
        ),
        *_means(portal),
        *_codes(portal),
        Route(("GET",), "/account/number", partial(number.show, portal), _NUMBER),
        Route(("POST",), "/account/number/virtual", partial(number.make_virtual, portal), _NUMBER),
        Route(
            ("POST",), "/account/number/virtual/end", partial(number.end_virtual, portal), _NUMBER
        ),
        Route(
            ("POST",),
            "/identity/v1/check",
            partial(identity_check.check, portal.checks),
            _NUMBER,
            api=True,
            options={"openapi_extra": {"security": [{"bearer": [SCOPE]}]}},
        ),
        Route(("POST",), "/account/recovery/stop", partial(recovery.stop, portal), _CREDENTIALS),
        *_api(portal),
    )


def staff_routes(account: StaffAccount) -> tuple[Route, ...]:
    """Their account; under a regulator, too."""
    return (
        Route(("GET",), account.base, partial(work.home, account), _ACTS),
        Route(("GET",), f"{account.base}/ledger", partial(work.acts, account), _ACTS),
        *_means(account),
    )


def _means(account: Account) -> tuple[Route, ...]:
    """How somebody signs in, with what ends only after its page."""
    here = f"{account.base}/credentials"

    def route(method: str, path: str, endpoint: Endpoint, **more: Any) -> Route:
        return Route((method,), path, partial(endpoint, account), _CREDENTIALS, **more)

    return (
        route("GET", here, credentials.show),
        route("POST", f"{here}/password", credentials.change_password, hashes=True),
        route(
            "POST",
            f"{here}/{{credential_id}}/remove",
            credentials.remove,
            asks_first=("remove",),
        ),
        route("POST", f"{here}/{{credential_id}}/lost", credentials.lost, asks_first=("lost",)),
        route("POST", f"{here}/{{credential_id}}/lock", credentials.lock),
        route("POST", f"{here}/{{credential_id}}/unlock", credentials.unlock),
        route("POST", f"{account.base}/sessions/{{session_id}}/end", credentials.end_session),
        route("POST", f"{account.base}/notices/{{notice_id}}/not-me", credentials.was_not_me),
        route("POST", f"{account.base}/removals/{{removal_id}}/stop", credentials.stop),
        route("POST", f"{account.base}/notices/seen", credentials.notices_seen),
    )


def _codes(portal: Portal) -> tuple[Route, ...]:
    """Codes beside a password; for citizens alone."""
    here = f"{portal.base}/credentials"

    def route(method: str, path: str, endpoint: Endpoint, specification: str) -> Route:
        return Route((method,), f"{here}/{path}", partial(endpoint, portal), specification)

    return (
        route("POST", "app", codes.begin_app, _TOTP),
        route("GET", "app", codes.show_app, _TOTP),
        route("POST", "app/confirm", codes.confirm_app, _TOTP),
        route("POST", "card", codes.print_card, _CARD),
        route("GET", "card", codes.show_card, _CARD),
        route("POST", "card/activate", codes.activate_card, _CARD),
        route("POST", "recovery-codes", codes.new_recovery_codes, _CARD),
    )


def _api(portal: Portal) -> tuple[Route, ...]:
    """For the citizen's own programs, with the session of their browser."""
    return (
        Route(
            ("GET",),
            "/me/v1/consents",
            partial(api.list_consents, portal),
            _ACCESS,
            api=True,
            options=_OWN,
        ),
        Route(
            ("POST",),
            "/me/v1/consents/{consent_id}/withdraw",
            partial(api.withdraw_consent, portal),
            _CONSENT,
            api=True,
            options=_OWN,
        ),
        Route(
            ("GET",),
            "/me/v1/ledger",
            partial(api.read_ledger, portal),
            _ACCESS,
            api=True,
            options=_OWN,
        ),
    )
