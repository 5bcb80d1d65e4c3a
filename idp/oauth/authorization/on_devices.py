"""A device without a browser asks, and a person answers in a browser of theirs — RFC 8628 §3."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from starlette.requests import Request

from foundation import web
from foundation.database import UnitOfWork
from foundation.errors import Unprocessable
from foundation.pages import N_
from foundation.runtime import Runtime
from idp.oauth import device_codes
from idp.oauth.authorization.checks import ON_DEVICES, Examined
from idp.oauth.authorization.flow import Authorization
from idp.oauth.authorization.request import UncheckedRequest, from_json, parsed
from idp.oauth.client import DEVICE_CODE
from idp.oauth.client_authentication import Authenticator
from idp.oauth.device_codes import PENDING, Codes
from idp.oauth.errors import UnauthorizedClient
from idp.oauth.settings import OAuthSettings

DONE = "/oauth/device/done"
_ASKED = ("scope", "purpose", "resource", "claims", "acr_values", "authorization_details")


@dataclass(frozen=True, slots=True)
class OnDevices:
    """Gives out codes, and leads who types one into the usual walk."""

    runtime: Runtime
    settings: OAuthSettings
    issuer: str
    authenticator: Authenticator
    authorization: Authorization

    def start(self, http: Request, form: web.Form) -> Codes:
        """The codes of a new sign-in. Raises the errors of RFC 6749 §5.2 and §4.1.2.1."""
        now = self.runtime.clock.now()
        client = self.authenticator.authenticate(http, form, now).client
        if DEVICE_CODE not in client.grant_types:
            raise UnauthorizedClient(f"This client is not registered for {DEVICE_CODE}.")
        asked = {name: form[name] for name in _ASKED if name in form}
        # Where it ends is a page of ours: there is no other place to lead the browser to.
        asked |= {"client_id": client.id, "redirect_uri": self.issuer + DONE}
        unchecked = UncheckedRequest(asked)
        reading = self.authorization.reading
        examined = Examined(unchecked, client, self.issuer, detail_types=reading.detail_types)
        for check in ON_DEVICES:
            check(examined)
        codes = device_codes.new_codes()
        request = parsed(unchecked, client).to_json()
        lifetime = timedelta(seconds=self.settings.device_code_seconds)
        with self.runtime.database.write() as uow:
            self._limit(uow, http, "oauth.device.start")
            device_codes.issue(uow, client.id, request, codes, now, lifetime)
        return codes

    def enter(self, http: Request, typed: str) -> str:
        """Where the browser of who typed this code goes on. Raises Unprocessable for a code that
        is wrong, over or answered, TooManyRequests for who guesses."""
        now = self.runtime.clock.now()
        with self.runtime.database.write() as uow:
            self._limit(uow, http, "oauth.device.enter")
            found = device_codes.of_person(uow, typed)
        if found is None or found.state != PENDING or found.is_over(now):
            raise Unprocessable(
                N_("This code is wrong, was used, or is too old."),
                where="user_code",
                next_step=N_("Look at your device again; it may show a new one."),
            )
        request = replace(from_json(found.request), device=found.digest.hex())
        return self.authorization.begin_with(http, request)

    def _limit(self, uow: UnitOfWork, http: Request, bucket: str) -> None:
        self.runtime.rates.attempt_from(
            uow,
            bucket,
            web.client_network(http),
            self.settings.device_codes_per_minute,
            timedelta(minutes=1),
            self.runtime.clock.now(),
        )
