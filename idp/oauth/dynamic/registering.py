"""A client registers itself, looks at its registration, changes it, ends it — RFC 7591 §3, 7592 §2.

Everything is read, fetched and hashed before the write; an initial access token is spent in the
write that adds the client.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from starlette.requests import Request

from foundation import opaque, web
from foundation.audit import Actor
from foundation.errors import NotFound, TooManyRequests
from foundation.fetch import Fetch, FetchError
from foundation.marking import N_
from foundation.runtime import Runtime
from idp.oauth import bearer, redirects
from idp.oauth.client import SECRET_METHODS, Client
from idp.oauth.clients import Clients
from idp.oauth.dynamic import metadata, tokens
from idp.oauth.errors import (
    InvalidMetadata,
    InvalidRedirectUri,
    InvalidRequest,
    InvalidToken,
    SlowDown,
)
from idp.oauth.members import InvalidClientMetadata
from idp.oauth.secrets import ClientSecrets
from idp.oauth.settings import ClientsSettings
from idp.oauth.stopping import Stopping

PATH = "/oauth/register"
T = TypeVar("T")
_JSON = ("application/json",)
_BECAUSE = "the registration of the service changed"
_THEIR_OWN = "at the service's own wish"
# RFC 7592 §2.2: the server's own, which nobody sends back.
_OURS = (
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
)


@dataclass(frozen=True, slots=True)
class Registered:
    """What the client is told: RFC 7591 §3.2.1. `secret` and `token` where they are new."""

    client: Client
    said: Mapping[str, Any]
    created_at: datetime
    secret: str | None
    token: str


@dataclass(frozen=True, slots=True)
class Invitation:
    """An initial access token as it is made."""

    id: str
    value: str
    expires_at: datetime


class Registering:
    """The verbs of the registration endpoint and of the registrations behind it."""

    def __init__(
        self,
        runtime: Runtime,
        settings: ClientsSettings,
        clients: Clients,
        secrets: ClientSecrets,
        stopping: Stopping,
        fetch: Fetch,
        issuer: str,
    ) -> None:
        self._runtime = runtime
        self.settings = settings
        self._clients = clients
        self._secrets = secrets
        self._stopping = stopping
        self._fetch = fetch
        self.issuer = issuer

    def register(self, request: Request) -> Registered:
        """Raises InvalidMetadata, InvalidRedirectUri, InvalidToken, SlowDown, NotFound."""
        now = self._runtime.clock.now()
        self._open(request, now)
        shown = self._shown(request, now)
        client_id = opaque.identifier("svc")
        said = self._taken(client_id, web.json_object(request, InvalidRequest))
        prepared = self._checked(lambda: self._clients.prepare(said, client_id))
        by = Actor("service", client_id)
        with self._runtime.database.write() as uow:
            used = None if shown is None else tokens.spend(uow, shown, now)
            if shown is not None and used is None:
                raise InvalidToken("The initial access token has been used up.")
            self._clients.insert(uow, prepared, now, by, initial_access_token=used)
            token = tokens.begin(uow, client_id, now)
        return Registered(prepared.client, said, now, prepared.secret, token)

    def read(self, request: Request, client_id: str) -> Registered:
        """What is registered (RFC 7592 §2.1). Raises InvalidToken, NotFound."""
        shown, client = self._own(request, client_id)
        return self._as_registered(client, None, shown)

    def update(self, request: Request, client_id: str) -> Registered:
        """Another registration in its place, whole (RFC 7592 §2.2), with what follows: what is
        taken away ends."""
        shown, client = self._own(request, client_id)
        now = self._runtime.clock.now()
        asked = web.json_object(request, InvalidRequest)
        self._same(client, asked, now)
        said = self._taken(client_id, asked)
        before = self._clients.registration_of(client_id)
        changes = {**dict.fromkeys(before), **said}
        by = Actor("service", client_id)

        def write() -> tuple[str | None, str]:
            with self._runtime.database.write() as uow:
                altered = self._clients.altered(uow, client_id, changes, locked=True)
                secret = self._clients.change(uow, altered, _THEIR_OWN, by, now)
                if altered.ends_what_it_was_given:
                    self._stopping.of_client(uow, client_id, _BECAUSE, now)
                if altered.ends_codes:
                    self._stopping.of_redirect(uow, client_id)
                return secret, tokens.rotate(uow, client_id, shown, now)

        secret, token = self._checked(write)
        found = self._clients.find(client_id, now)
        if found is None:
            raise InvalidToken("This is not the token of a registration that stands.")
        return self._as_registered(found, secret, token)

    def delete(self, request: Request, client_id: str) -> None:
        """It is served never again, and all that it was given ends (RFC 7592 §2.3)."""
        _, client = self._own(request, client_id)
        now, by = self._runtime.clock.now(), Actor("service", client_id)
        with self._runtime.database.write() as uow:
            self._clients.remove(uow, client.id, _THEIR_OWN, by, now)
            self._stopping.of_redirect(uow, client.id)
            self._stopping.of_client(uow, client.id, "the service removed itself", now)
            tokens.forget(uow, client.id)

    # ── what an operator gives ────────────────────────────────────────────────────────

    @property
    def endpoint(self) -> str:
        return self.issuer + PATH

    def invite(self, note: str, uses: int, lasts: timedelta, by: Actor) -> Invitation:
        """A new initial access token; its value is shown this once."""
        now = self._runtime.clock.now()
        with self._runtime.database.write() as uow:
            token_id, value = tokens.make(uow, note[:200], uses, now + lasts, now)
            details = {"initial_access_token": token_id, "uses": uses, "until": now + lasts}
            self._runtime.audit.record(uow, "client.invited", by, details=details)
        return Invitation(token_id, value, now + lasts)

    def invitations(self) -> Sequence[tokens.InitialToken]:
        """The initial access tokens that there are."""
        with self._runtime.database.read() as uow:
            return tokens.listed(uow)

    def uninvite(self, token_id: str, by: Actor) -> bool:
        """End one before its time; False if there is none."""
        with self._runtime.database.write() as uow:
            if not tokens.end(uow, token_id):
                return False
            details = {"initial_access_token": token_id}
            self._runtime.audit.record(uow, "client.uninvited", by, details=details)
        return True

    # ── who may ───────────────────────────────────────────────────────────────────────

    def _open(self, request: Request, now: datetime) -> None:
        if not self.settings.dynamic_registration:
            raise NotFound(
                N_("Services do not register themselves here."),
                next_step=N_("Ask the operator to register yours."),
            )
        self._count(request, now)

    def _count(self, request: Request, now: datetime) -> None:
        limit, minute = self.settings.registrations_per_minute, timedelta(minutes=1)
        try:
            with self._runtime.database.write() as uow:
                self._runtime.rates.attempt_from(
                    uow, "oauth.register", web.client_network(request), limit, minute, now
                )
        except TooManyRequests as full:
            raise SlowDown(
                "Too many registrations from this address.", headers=full.headers
            ) from None

    def _shown(self, request: Request, now: datetime) -> str | None:
        """The initial access token; None where none is needed and none came."""
        presented = bearer.read(request)
        if presented is None or presented.by_key:
            if self.settings.initial_access_tokens:
                raise InvalidToken(
                    "An initial access token is needed; the operator makes one "
                    "(RFC 7591 section 3)."
                )
            return None
        with self._runtime.database.read() as uow:
            if not tokens.good(uow, presented.value, now):
                raise InvalidToken("The initial access token is unknown, over or used up.")
        return presented.value

    def _own(self, request: Request, client_id: str) -> tuple[str, Client]:
        """The token that was shown, and the client whose registration it is of."""
        now = self._runtime.clock.now()
        self._open(request, now)
        presented = bearer.read(request)
        client = self._clients.find(client_id, now) if client_id.startswith("svc_") else None
        with self._runtime.database.read() as uow:
            right = (
                presented is not None
                and not presented.by_key
                and tokens.is_of(uow, client_id, presented.value)
            )
            follows = right and tokens.has_former(uow, client_id)
        if presented is None or not right or client is None or client.removed or not client.active:
            raise InvalidToken("This is not the token of a registration that stands.")
        if follows:
            with self._runtime.database.write() as uow:
                tokens.seen(uow, client_id, presented.value)
        return presented.value, client

    # ── what it says ──────────────────────────────────────────────────────────────────

    def _taken(self, client_id: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        return self._checked(lambda: self._with_sector(client_id, asked))

    def _with_sector(self, client_id: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        said = metadata.taken(asked, self.settings)
        # Before anything is fetched at the word of who sent it: is the rest good?
        self._clients.prepare({**said, "sector": client_id}, client_id)
        uris = said.get("redirect_uris") or []
        uris = uris.split() if isinstance(uris, str) else list(uris)
        place = said.get("sector_identifier_uri")
        if place is None:
            several = len({redirects.host(uri) for uri in uris}) > 1
            if several and asked.get("subject_type") == "pairwise":
                # OIDC Core §8.1: who asks for it by name has to say whose people these are.
                raise InvalidClientMetadata(
                    "sector_identifier_uri is needed: the redirect URIs have several hosts",
                    where="sector_identifier_uri",
                )
            own = metadata.own_sector(client_id, uris)
            return said if own is None else {**said, "sector": own}
        try:
            document = json.loads(self._fetch.get(place, _JSON).body)
        except (FetchError, ValueError, RecursionError) as reason:
            raise InvalidClientMetadata(
                f"sector_identifier_uri cannot be read: {reason}", where="sector_identifier_uri"
            ) from None
        return {**said, "sector": metadata.sector_of(document, uris, place)}

    def _checked(self, act: Callable[[], T]) -> T:
        """RFC 7591 §3.2.2: the errors of this endpoint, with the member's name."""
        try:
            return act()
        except InvalidClientMetadata as reason:
            if reason.where == "redirect_uris":
                raise InvalidRedirectUri(reason.description) from None
            raise InvalidMetadata(reason.description) from None

    def _same(self, client: Client, asked: Mapping[str, Any], now: datetime) -> None:
        """RFC 7592 §2.2: who it is stands in it, and none of what is ours to say."""
        if asked.get("client_id") != client.id:
            raise InvalidRequest("client_id must be there, and be that of this registration.")
        for name in _OURS:
            if name in asked:
                raise InvalidRequest(f"{name} is not sent back: it is ours to say.")
        secret = asked.get("client_secret")
        if secret is not None and not (
            isinstance(secret, str) and self._secrets.match(client, secret, now)
        ):
            raise InvalidRequest("client_secret is not the one that is registered.")

    def _as_registered(self, client: Client, secret: str | None, token: str) -> Registered:
        said, created = self._clients.registered(client.id)
        return Registered(client, said, created, secret, token)


def told(registered: Registered, issuer: str) -> dict[str, Any]:
    """RFC 7591 §3.2.1: who it is, and all that is registered, also what it did not say."""
    client, said = registered.client, registered.said
    shown = {name: said[name] for name in sorted(metadata.OWN_WORD) if name in said}
    answer: dict[str, Any] = {
        "client_id": client.id,
        "client_id_issued_at": int(registered.created_at.timestamp()),
        "registration_access_token": registered.token,
        "registration_client_uri": f"{issuer}{PATH}/{client.id}",
        **shown,
        "redirect_uris": list(client.redirect_uris),
        "grant_types": sorted(client.grant_types),
        "response_types": sorted(client.response_types),
        "scope": " ".join(sorted(client.scopes, key=lambda one: (one != "openid", one))),
        "subject_type": "pairwise",
        "token_endpoint_auth_method": client.token_endpoint_auth_method,
        "id_token_signed_response_alg": client.id_token_signed_response_alg,
    }
    if registered.secret is not None:
        answer["client_secret"] = registered.secret
    if client.token_endpoint_auth_method in SECRET_METHODS:
        answer["client_secret_expires_at"] = 0
    return answer
