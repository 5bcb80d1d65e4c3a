"""Doors of the portal: pages for the citizen, and the same for their programs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from foundation.web import Door
from idp.portal.endpoints import (
    account,
    api,
    consents,
    credentials,
    home,
    own_data,
    recovery,
    work,
)
from idp.portal.ports import Account
from idp.portal.staff_account import StaffAccount
from idp.portal.wing import Portal

Endpoint = Callable[[Account, Request], Response]

_ACCESS, _PORTABLE = "GDPR art. 15", "GDPR art. 20"
_RECTIFY = "GDPR art. 16"
_CONSENT = "GDPR art. 7(3)"
_ACTS = "ISO/IEC 27002 8.15"
_CREDENTIALS = "ISO/IEC 29115 CM-9"
_ONE = "/account/consents/{consent_id}"
_OWN = {"openapi_extra": {"security": [{"session": ["citizen"]}]}}


def doors(portal: Portal) -> tuple[Door, ...]:
    return (
        Door(("GET",), "/", partial(home.home, portal.ground), "WCAG 2.2"),
        Door(("GET",), "/account", partial(account.overview, portal), _ACCESS),
        Door(("GET",), "/account/ledger", partial(account.ledger_page, portal), _ACCESS),
        Door(("GET",), "/account/ledger.json", partial(account.ledger_file, portal), _PORTABLE),
        Door(("GET",), "/account/data.json", partial(account.data, portal), _PORTABLE),
        Door(("GET",), "/account/data", partial(own_data.show, portal), _ACCESS),
        Door(("POST",), "/account/data", partial(own_data.change, portal), _RECTIFY),
        Door(("POST",), "/account/data/wrong", partial(own_data.wrong, portal), _RECTIFY),
        Door(("GET",), "/account/devices", partial(account.devices, portal), _ACCESS),
        Door(("GET",), "/account/consents", partial(consents.listing, portal), _CONSENT),
        Door(("GET",), _ONE, partial(consents.one, portal), _CONSENT),
        Door(("POST",), f"{_ONE}/withdraw", partial(consents.withdraw, portal), _CONSENT),
        Door(
            ("GET",),
            "/.well-known/change-password",
            partial(credentials.change_password_here, portal),
            "W3C Change Password URL",
        ),
        Door(
            ("GET",),
            "/.well-known/passkey-endpoints",
            partial(credentials.passkey_endpoints, portal),
            "W3C Passkey Endpoints",
        ),
        *_means(portal),
        Door(("POST",), "/account/recovery/stop", partial(recovery.stop, portal), _CREDENTIALS),
        *_api(portal),
    )


def staff_doors(account: StaffAccount) -> tuple[Door, ...]:
    """Their account; under a regulator, too."""
    return (
        Door(("GET",), account.base, partial(work.home, account), _ACTS),
        Door(("GET",), f"{account.base}/ledger", partial(work.acts, account), _ACTS),
        *_means(account),
    )


def _means(account: Account) -> tuple[Door, ...]:
    """How somebody signs in, with what ends only after its page."""
    here = f"{account.base}/credentials"

    def door(method: str, path: str, endpoint: Endpoint, **more: Any) -> Door:
        return Door((method,), path, partial(endpoint, account), _CREDENTIALS, **more)

    return (
        door("GET", here, credentials.show),
        door("POST", f"{here}/password", credentials.change_password, hashes=True),
        door(
            "POST",
            f"{here}/{{credential_id}}/remove",
            credentials.remove,
            asks_first=("remove",),
        ),
        door("POST", f"{here}/{{credential_id}}/lost", credentials.lost, asks_first=("lost",)),
        door("POST", f"{account.base}/removals/{{removal_id}}/stop", credentials.stop),
        door("POST", f"{account.base}/notices/seen", credentials.notices_seen),
    )


def _api(portal: Portal) -> tuple[Door, ...]:
    """For the citizen's own programs, with the session of their browser."""
    return (
        Door(
            ("GET",),
            "/me/v1/consents",
            partial(api.list_consents, portal),
            _ACCESS,
            api=True,
            options=_OWN,
        ),
        Door(
            ("POST",),
            "/me/v1/consents/{consent_id}/withdraw",
            partial(api.withdraw_consent, portal),
            _CONSENT,
            api=True,
            options=_OWN,
        ),
        Door(
            ("GET",),
            "/me/v1/ledger",
            partial(api.read_ledger, portal),
            _ACCESS,
            api=True,
            options=_OWN,
        ),
    )
