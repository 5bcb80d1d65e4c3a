"""Doors of the portal: pages for the citizen, and the same for their programs."""

from __future__ import annotations

from functools import partial

from foundation.web import Door
from idp.portal.endpoints import account, api, consents, credentials, home
from idp.portal.wing import Portal

_ACCESS, _PORTABLE = "GDPR art. 15", "GDPR art. 20"
_CONSENT, _RECEIPT = "GDPR art. 7(3)", "ISO/IEC TS 27560"
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
        Door(("GET",), "/account/devices", partial(account.devices, portal), _ACCESS),
        Door(("GET",), "/account/consents", partial(consents.listing, portal), _CONSENT),
        Door(("GET",), _ONE, partial(consents.one, portal), _CONSENT),
        Door(("POST",), f"{_ONE}/withdraw", partial(consents.withdraw, portal), _CONSENT),
        Door(("GET",), f"{_ONE}/receipt", partial(consents.receipt, portal), _RECEIPT),
        Door(("GET",), "/account/credentials", partial(credentials.show, portal), _CREDENTIALS),
        Door(
            ("POST",),
            "/account/credentials/password",
            partial(credentials.change_password, portal),
            _CREDENTIALS,
            hashes=True,
        ),
        Door(
            ("POST",),
            "/account/credentials/{credential_id}/remove",
            partial(credentials.remove, portal),
            _CREDENTIALS,
            asks_first=("remove",),
        ),
        Door(
            ("POST",),
            "/account/credentials/{credential_id}/lost",
            partial(credentials.lost, portal),
            _CREDENTIALS,
            asks_first=("lost",),
        ),
        Door(
            ("POST",),
            "/account/removals/{removal_id}/stop",
            partial(credentials.stop, portal),
            _CREDENTIALS,
        ),
        Door(
            ("POST",),
            "/account/notices/seen",
            partial(credentials.notices_seen, portal),
            _CREDENTIALS,
        ),
        *_api(portal),
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
