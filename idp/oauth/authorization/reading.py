"""From parameters to a request that passed every check — RFC 6749 §4.1.1, RFC 9101 §5, RFC 9126 §4.

The same for a browser that brings the parameters, a request object or the URI of a pushed request,
and for the client that pushes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from starlette.requests import Request

from foundation import web
from foundation.errors import OAuthError
from foundation.pages import N_
from foundation.runtime import Runtime
from idp.oauth import details, pushed_requests
from idp.oauth.authorization import request_object
from idp.oauth.authorization.checks import BEFORE_REDIRECT, CHECKS, Examined
from idp.oauth.authorization.request import AuthorizationRequest, UncheckedRequest, parsed
from idp.oauth.authorization.responding import Responses
from idp.oauth.client import Client
from idp.oauth.clients import Clients
from idp.oauth.errors import (
    InvalidRequest,
    Redirected,
    UnusableRequest,
)
from idp.oauth.keys_of_clients import KeysOfClients
from idp.oauth.settings import OAuthSettings
from idp.oauth.tokens import id_token
from idp.oauth.tokens.jws import NotOurs
from idp.oauth.way_back import ASKED, SERVICE


@dataclass(frozen=True, slots=True)
class Reading:
    """Reads and checks; stores nothing but that a request object or a pushed request was used."""

    runtime: Runtime
    settings: OAuthSettings
    issuer: str
    clients: Clients
    responses: Responses
    detail_types: details.Types
    keys: KeysOfClients

    def from_browser(
        self, http: Request, parameters: web.Form, now: datetime
    ) -> tuple[AuthorizationRequest, Client]:
        """What a browser brings to the authorization endpoint.

        Raises UnusableRequest before the redirect URI is trusted, Redirected after that.
        """
        client = self._client(http, parameters, now)
        outer = UncheckedRequest(parameters)
        if pushed_requests.is_one(outer.get("request_uri")):
            unchecked = self._pushed(http, outer.get("request_uri") or "", client, now)
        else:
            try:
                unchecked = self._opened(outer, client, now)
            except request_object.Refused as refusal:
                raise self._refused(refusal.error, refusal.request or outer, client) from None
        examined = self._examined(unchecked, client)
        for check in BEFORE_REDIRECT:
            check(examined)
        try:
            return self._checked(examined), client
        except OAuthError as error:
            raise self._refused(error, unchecked, client) from None

    def from_client(
        self, client: Client, parameters: Mapping[str, str], now: datetime
    ) -> UncheckedRequest:
        """What a client pushes, checked as if a browser had brought it; with parameters of a
        request object those inside. Raises OAuthError (RFC 9126 §2.3)."""
        outer = UncheckedRequest({**parameters, "client_id": client.id}, pushed="now")
        if outer.get("request_uri") is not None:
            raise InvalidRequest("request_uri is not for this endpoint (RFC 9126 §2.1)")
        try:
            unchecked = self._opened(outer, client, now)
        except request_object.Refused as refusal:
            raise refusal.error from None
        examined = self._examined(unchecked, client)
        try:
            for check in BEFORE_REDIRECT:
                check(examined)
        except UnusableRequest as refused:
            raise InvalidRequest(f"{refused.where}: {refused.description}") from None
        self._checked(examined)
        return unchecked

    def _client(self, http: Request, parameters: web.Form, now: datetime) -> Client:
        client_id = parameters.get("client_id", "")
        client = self.clients.find_for(web.client_network(http), client_id, now)
        if client is None or client.kind == "device":
            raise UnusableRequest(
                N_("The service that sent you here is not known to us."),
                where="client_id",
                next_step=N_("Go back to the service; if it happens again, tell them."),
            )
        http.scope[ASKED] = client
        return client

    def _opened(self, outer: UncheckedRequest, client: Client, now: datetime) -> UncheckedRequest:
        database = self.runtime.database
        opened = request_object.opened(outer, client, self.issuer, database, self.keys, now)
        return replace(opened, pushed=outer.pushed)

    def _pushed(
        self, http: Request, request_uri: str, client: Client, now: datetime
    ) -> UncheckedRequest:
        """A pushed request, for the browser that opens it first; what is beside its URI does not
        count (RFC 9126 §4). Raises UnusableRequest: nothing proves that the client sent it."""
        browser = web.browser_id(http)
        with self.runtime.database.write() as uow:
            found = pushed_requests.find(uow, request_uri)
            usable = (
                found is not None
                and found.may_be_opened(client.id, now)
                # Cookies stay behind when another site posts (`Authorization.come`).
                and (_is_posted(http) or pushed_requests.open_(uow, found.digest, browser, now))
            )
        if found is None or not usable:
            if client.active:
                http.scope[SERVICE] = client
            raise UnusableRequest(
                N_("This sign-in took too long to begin, or was begun before."),
                where="request_uri",
                next_step=N_("Go back to the service and start again."),
            )
        return UncheckedRequest(found.parameters, signed=found.signed, pushed=found.digest.hex())

    def _examined(self, unchecked: UncheckedRequest, client: Client) -> Examined:
        always = self.settings.require_pushed_authorization_requests
        return Examined(
            unchecked, client, self.issuer, must_be_pushed=always, detail_types=self.detail_types
        )

    def _checked(self, examined: Examined) -> AuthorizationRequest:
        for check in CHECKS:
            check(examined)
        unchecked, client = examined.request, examined.client
        return self._expecting(parsed(unchecked, client), client, unchecked.get("id_token_hint"))

    def _expecting(
        self, request: AuthorizationRequest, client: Client, hint: str | None
    ) -> AuthorizationRequest:
        """The request, for the person of its `id_token_hint` if it has one (§3.1.2.1)."""
        if hint is None:
            return request
        try:
            meant = id_token.hint(self.runtime.keys, self.issuer, hint)
        except NotOurs:
            meant = None
        if meant is None or meant.audience != client.id:
            raise InvalidRequest("id_token_hint is not an ID token that this client got from us")
        named = request.claims.subjects
        # Nobody has the empty subject: two wishes that exclude each other are for nobody.
        both = (meant.subject if meant.subject in (named or (meant.subject,)) else "",)
        return replace(request, claims=replace(request.claims, subjects=both))

    def _refused(
        self, error: OAuthError, request: UncheckedRequest, client: Client
    ) -> Redirected | UnusableRequest:
        """To the client, if the request names a redirect URI of its own (RFC 6749 §4.1.2.1); else
        a page."""
        way_back = request.way_back()
        if way_back is not None and client.active and client.owns_redirect(way_back.redirect_uri):
            respond = self.responses.response
            return Redirected(error, way_back=way_back, issuer=self.issuer, respond=respond)
        return UnusableRequest(
            error.description,
            where="request",
            next_step=N_("Go back to the service; if it happens again, tell them."),
        )


def _is_posted(http: Request) -> bool:
    return http.method == "POST" and web.is_from_elsewhere(http)
