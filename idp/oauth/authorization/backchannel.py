"""A service asks a person who is not at it, and the person answers here — CIBA Core 1.0 §7, §8.

It may ask people who let it in, and nobody else: it names them by the `sub` that it knows, or by an
ID token. Who took that back, or never answered it, is unknown to it, as everybody else is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from starlette.requests import Request

from foundation import opaque, web
from foundation.database import UnitOfWork
from foundation.errors import NotFound
from foundation.marking import N_
from foundation.runtime import Runtime
from idp.oauth import answers, backchannel_requests, subjects
from idp.oauth.authorization import request_object
from idp.oauth.authorization.checks import ON_DEVICES, Examined
from idp.oauth.authorization.flow import Authorization
from idp.oauth.authorization.request import UncheckedRequest, from_json, parsed
from idp.oauth.backchannel_requests import BackchannelRequest
from idp.oauth.client import CIBA, Client
from idp.oauth.client_authentication import Authenticator
from idp.oauth.errors import (
    InvalidBindingMessage,
    InvalidRequest,
    UnauthorizedClient,
    UnknownUserId,
)
from idp.oauth.settings import OAuthSettings
from idp.oauth.tokens import id_token
from idp.oauth.tokens.jws import NotOurs

DONE = "/account/services/asking/done"
HINTS = ("login_hint", "id_token_hint", "login_hint_token")
LONGEST_MESSAGE = 100
_SEAL = "oauth-ciba-notification"
_ASKED = ("scope", "purpose", "resource", "claims", "acr_values", "authorization_details")
_OWN = ("binding_message", "client_notification_token", "requested_expiry", "user_code")
_IN_OBJECT = ("iat", "nbf", "jti")
"""§7.1.1: beside `iss`, `aud` and `exp`."""

Tells = Callable[[UnitOfWork, str, datetime], None]
"""Tells a person, outside of this page, that a service asks them something."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the service gets at once (§7.3)."""

    auth_req_id: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class Backchannel:
    """Takes requests of services, and leads the person who answers into the usual walk."""

    runtime: Runtime
    settings: OAuthSettings
    issuer: str
    authenticator: Authenticator
    authorization: Authorization
    tells: Tells | None

    def ask(self, http: Request, form: web.Form) -> Asked:
        """Keep what a service asks. Raises the errors of §13."""
        now = self.runtime.clock.now()
        client = self.authenticator.authenticate(http, form, now).client
        if CIBA not in client.grant_types:
            raise UnauthorizedClient(f"This client is not registered for {CIBA}.")
        asked = self._opened(client, form, now)
        seconds = _seconds(asked.get("requested_expiry"), self.settings.backchannel_seconds)
        message, token = _message(asked), self._token(client, asked)
        auth_req_id, id_ = opaque.secret(), opaque.identifier("ask")
        told = None if token is None else json.dumps([auth_req_id, token]).encode()
        # Where it ends is a page of ours: there is no other place to lead the browser to.
        kept = {name: value for name in _ASKED if (value := asked.get(name)) is not None}
        kept |= {"client_id": client.id, "redirect_uri": self.issuer + DONE}
        unchecked = UncheckedRequest(kept, signed=asked.signed)
        types = self.authorization.reading.detail_types
        examined = Examined(unchecked, client, self.issuer, detail_types=types)
        for check in ON_DEVICES:
            check(examined)
        request, subject = parsed(unchecked, client), self._subject(client, asked)
        request = replace(request, claims=replace(request.claims, subjects=(subject,)))
        with self.runtime.database.write() as uow:
            person_id = self._person(uow, client, subject, now)
            one = BackchannelRequest(
                digest=opaque.digest(auth_req_id),
                id=id_,
                client_id=client.id,
                person_id=person_id,
                request=request.to_json(),
                binding_message=message,
                notification_token=told and self.runtime.keys.seal(_SEAL, told, id_),
                state=backchannel_requests.PENDING,
                grant_id=None,
                polled_at=None,
                issued_at=now,
                expires_at=now + timedelta(seconds=seconds),
            )
            self.runtime.rates.attempt(
                uow,
                "oauth.backchannel",
                f"{client.id} {person_id}",
                self.settings.backchannel_requests_per_minute,
                timedelta(minutes=1),
                now,
            )
            backchannel_requests.add(uow, one)
            if self.tells is not None:
                self.tells(uow, person_id, now)
        return Asked(auth_req_id, seconds)

    def waiting(self, person_id: str) -> Sequence[BackchannelRequest]:
        """What waits for this person's answer."""
        with self.runtime.database.read() as uow:
            return backchannel_requests.of_person(uow, person_id, self.runtime.clock.now())

    def look(self, http: Request, person_id: str, id_: str) -> str:
        """Where the browser of this person goes on, to the question. Raises NotFound."""
        found = self._of(person_id, id_)
        request = replace(from_json(found.request), backchannel=found.digest.hex())
        return self.authorization.begin_with(http, request)

    def refuse(self, person_id: str, id_: str) -> None:
        """The person knows nothing of it: the service hears that they refused. Raises NotFound."""
        found, now = self._of(person_id, id_), self.runtime.clock.now()
        with self.runtime.database.write() as uow:
            backchannel_requests.deny(uow, found.digest, now)

    def message(self, asked: str | None) -> str | None:
        """What the service shows its person there, of a request on its way through the pages."""
        if asked is None:
            return None
        with self.runtime.database.read() as uow:
            found = backchannel_requests.find(uow, bytes.fromhex(asked))
        return None if found is None else found.binding_message

    def opened(self, one: BackchannelRequest) -> tuple[str, str]:
        """The `auth_req_id`, and what the service wants to be told with."""
        sealed = one.notification_token or b""
        auth_req_id, token = json.loads(self.runtime.keys.open(_SEAL, sealed, one.id))
        return auth_req_id, token

    def _of(self, person_id: str, id_: str) -> BackchannelRequest:
        found = next((one for one in self.waiting(person_id) if one.id == id_), None)
        if found is None:
            raise NotFound(
                N_("This request was answered, or is too old."),
                next_step=N_("Look at the service; it may ask you once more."),
            )
        return found

    def _opened(self, client: Client, form: web.Form, now: datetime) -> UncheckedRequest:
        """The parameters, those of a signed request if there is one (§7.1.1)."""
        names = (*_ASKED, *_OWN, *HINTS, "request")
        outer = UncheckedRequest({name: form[name] for name in names if name in form})
        if outer.get("request") is None:
            if client.require_signed_request_object:
                raise InvalidRequest("This client must sign its requests: send request (§7.1.1).")
            return outer
        if len(outer.parameters) > 1:
            raise InvalidRequest("Nothing stands beside a signed request but how you authenticate.")
        reading = self.authorization.reading
        try:
            return request_object.opened(
                outer,
                client,
                self.issuer,
                self.runtime.database,
                reading.keys,
                now,
                needs=_IN_OBJECT,
            )
        except request_object.Refused as refused:
            raise InvalidRequest(refused.error.description) from None

    def _subject(self, client: Client, asked: UncheckedRequest) -> str:
        """Whom it means, by the `sub` that it knows (§7.1)."""
        given = [name for name in HINTS if asked.get(name) is not None]
        if len(given) != 1:
            raise InvalidRequest(f"Send exactly one of {', '.join(HINTS)} (§7.1).")
        value = asked.get(given[0]) or ""
        if given[0] == "login_hint":
            return value
        if given[0] == "login_hint_token":
            raise InvalidRequest("login_hint_token is not supported; send id_token_hint.")
        try:
            token = id_token.hint(self.runtime.keys, self.issuer, value)
        except NotOurs:
            raise UnknownUserId("id_token_hint is not an ID token of ours.") from None
        if token.audience != client.id:
            raise UnknownUserId("id_token_hint is another client's.")
        return token.subject

    def _person(self, uow: UnitOfWork, client: Client, subject: str, now: datetime) -> str:
        person_id = subjects.person_of(uow, client.sector, subject)
        known = () if person_id is None else answers.of_person(uow, person_id, now)
        if person_id is None or client.id not in {answer.client_id for answer in known}:
            raise UnknownUserId("Nobody who lets this client in is known to it by that name.")
        return person_id

    def _token(self, client: Client, asked: UncheckedRequest) -> str | None:
        """What to tell it with, where it wants to be told (§7.1); RFC 6750 §2.1."""
        if client.backchannel_client_notification_endpoint is None:
            return None
        token = asked.get("client_notification_token") or ""
        if not 1 <= len(token) <= 1024 or not all(c.isalnum() or c in "-._~+/=" for c in token):
            raise InvalidRequest("client_notification_token is missing or no bearer token (§7.1).")
        if not token.isascii():
            raise InvalidRequest("client_notification_token is no bearer token (§7.1).")
        return token


def _message(asked: UncheckedRequest) -> str | None:
    """Something short that a person can compare with what stands before them (§7.1)."""
    message = asked.get("binding_message")
    if message is not None and (len(message) > LONGEST_MESSAGE or not message.isprintable()):
        raise InvalidBindingMessage(
            f"binding_message must be one line of {LONGEST_MESSAGE} characters at most."
        )
    return message


def _seconds(asked: str | None, most: int) -> int:
    if asked is None:
        return most
    if not (asked.isascii() and asked.isdigit() and 0 < len(asked) <= 9 and int(asked)):
        raise InvalidRequest("requested_expiry must be a number of seconds (§7.1).")
    return min(int(asked), most)
