"""Signing out at a service's wish — OpenID Connect RP-Initiated Logout 1.0 §2, §3."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from foundation import web
from foundation.errors import BadRequest
from foundation.keys import Keys
from idp.login import Authenticated, Requirement, WhoIsThere
from idp.oauth import subjects
from idp.oauth.client import Client
from idp.oauth.clients import Clients
from idp.oauth.tokens import id_token
from idp.oauth.tokens.id_token import IdToken
from idp.oauth.tokens.jws import NotOurs
from idp.oauth.way_back import SERVICE, with_query

PARAMETERS = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales")


@dataclass(frozen=True, slots=True)
class SignOutRequest:
    """A valid request. `sure`: the hint proves that this very session signed in there, so that
    the person need not be asked. `location`: the registered way back, None for our own page.
    `session_id`: that of who is there, None when it is nobody."""

    client: Client | None
    location: str | None
    sure: bool
    session_id: str | None

    @property
    def nobody(self) -> bool:
        """Whether nobody is signed in here."""
        return self.session_id is None


@dataclass(frozen=True, slots=True)
class SigningOut:
    """Understands a sign-out request."""

    keys: Keys
    issuer: str
    clients: Clients
    who: WhoIsThere

    def understand(self, http: Request, parameters: web.Form, now: datetime) -> SignOutRequest:
        """Raises BadRequest, never a redirect, for anything that is not registered, and
        TooManyRequests."""
        hint = self._hint(parameters.get("id_token_hint"))
        client_id = parameters.get("client_id") or (hint.audience if hint else None)
        if hint is not None and client_id != hint.audience:
            raise _refusal("client_id", "client_id is not the one of the id_token_hint.")
        network = web.client_network(http)
        client = self.clients.find_for(network, client_id, now) if client_id else None
        if client_id and client is None:
            raise _refusal("client_id", "The service that sent you here is not known to us.")
        http.scope[SERVICE] = client
        person = self.who.who(http, Requirement(level=0, return_to="/"))
        there = person if isinstance(person, Authenticated) else None
        return SignOutRequest(
            client=client,
            location=_way_back(parameters, client),
            sure=there is not None and self._is_of(hint, client, there),
            session_id=None if there is None else there.session_id,
        )

    def _hint(self, value: str | None) -> IdToken | None:
        if not value:
            return None
        try:
            return id_token.hint(self.keys, self.issuer, value)
        except NotOurs:
            raise _refusal("id_token_hint", "id_token_hint is not an ID token of ours.") from None

    def _is_of(self, hint: IdToken | None, client: Client | None, there: Authenticated) -> bool:
        if hint is None or client is None or hint.session_reference is None:
            return False
        return subjects.refers_to(
            self.keys, hint.session_reference, there.session_id, client.sector
        )


def _way_back(parameters: web.Form, client: Client | None) -> str | None:
    uri = parameters.get("post_logout_redirect_uri")
    if not uri:
        return None
    if client is None:
        # §2: an address alone does not say whose it is.
        raise _refusal(
            "id_token_hint",
            "The service sent an address to return to, but neither an id_token_hint nor a "
            "client_id that says which service it is.",
        )
    if not client.owns_post_logout_redirect(uri):
        raise _refusal(
            "post_logout_redirect_uri",
            "The service sent an address to return to that it has not registered.",
        )
    state = parameters.get("state")
    return with_query(uri, {"state": state}) if state else uri


def _refusal(where: str, what: str) -> BadRequest:
    return BadRequest(what, where=where, next_step="Sign out in your account instead.")
