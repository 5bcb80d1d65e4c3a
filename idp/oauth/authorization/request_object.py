"""Signed request objects, by value — RFC 9101 §5, §6; OpenID Federation 1.0 §12.1.1.1."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from foundation.database import Database
from foundation.errors import OAuthError
from idp.oauth import assertions, profiles
from idp.oauth.authorization.request import UncheckedRequest
from idp.oauth.client import Client
from idp.oauth.errors import InvalidRequestObject, RequestNotSupported
from idp.oauth.keys_of_clients import KeysOfClients
from idp.oauth.tokens import foreign

_TYPES = ("oauth-authz-req+jwt", "jwt", None)
_PROTOCOL = frozenset({"iss", "aud", "exp", "iat", "nbf", "jti", "sub", "trust_chain"})
_NUMBERS = frozenset({"max_age", "requested_expiry"})


def opened(
    outer: UncheckedRequest,
    client: Client,
    issuer: str,
    database: Database,
    keys: KeysOfClients,
    now: datetime,
    needs: Collection[str] = (),
) -> UncheckedRequest:
    """The parameters inside the request object; those outside do not count (RFC 9101 §6.3).

    `needs`: claims that have to be there beside `iss`, `aud` and `exp`. Raises Refused.
    """
    token = outer.get("request")
    if token is None:
        return outer
    if not client.jwks and client.jwks_uri is None:
        raise Refused(
            RequestNotSupported("this client has no registered key to sign a request object with")
        )
    try:
        claims = keys.verified(client, token, _TYPES, now)
    except foreign.Refused as reason:
        raise _refusal(str(reason)) from None
    inner = UncheckedRequest({"client_id": client.id, **_parameters(claims)}, signed=True)
    try:
        _check_audience(client, claims, issuer)
        expires = foreign.check_times(claims, now)
        for name in needs:
            if name not in claims:
                raise foreign.Refused(f"{name} is missing")
        if client.profile == profiles.MESSAGE_SIGNING or "nbf" in needs:
            foreign.check_beginning(claims, expires, now)
        jti = foreign.identifier(claims) if _needs_jti(client, claims, outer) else None
        _check_members(client, claims)
        _check_outside(outer, inner)
        if jti is not None:
            with database.write() as uow:
                if not assertions.first_use(uow, client.id, jti, expires + timedelta(minutes=1)):
                    raise foreign.Refused("it was used before")
    except foreign.Refused as reason:
        raise _refusal(str(reason), inner) from None
    return inner


class Refused(Exception):
    """Why a request object does not count. `request`: what it says, if the client did sign it."""

    def __init__(self, error: OAuthError, request: UncheckedRequest | None = None) -> None:
        super().__init__(error.description)
        self.error = error
        self.request = request


def _check_audience(client: Client, claims: Mapping[str, Any], issuer: str) -> None:
    """FAPI 2.0 Message Signing §5.3.1: a list may name others beside us; a pushed request is read
    by nobody but us."""
    if client.profile != profiles.MESSAGE_SIGNING:
        foreign.check_audience(claims, issuer)
        return
    audience = claims.get("aud")
    if not isinstance(audience, list) or issuer not in audience:
        foreign.check_audience(claims, issuer)


def _check_members(client: Client, claims: Mapping[str, Any]) -> None:
    if claims.get("client_id", client.id) != client.id or claims.get("iss") != client.id:
        raise foreign.Refused("iss and client_id must be the client's own")
    if "sub" in claims:
        # RFC 9101 §10.8: otherwise it could be replayed as a client assertion.
        raise foreign.Refused("it must not have a sub")
    if "request" in claims or "request_uri" in claims:
        raise foreign.Refused("it must not contain request or request_uri")
    for name, value in claims.items():
        if name not in _PROTOCOL and _as_text(name, value) is None:
            raise foreign.Refused(f"{name} is not a text")


def _check_outside(outer: UncheckedRequest, inner: UncheckedRequest) -> None:
    for name in ("client_id", "response_type", "redirect_uri", "state", "nonce"):
        if outer.get(name) is not None and inner.get(name) not in (None, outer.get(name)):
            raise foreign.Refused(f"{name} differs inside and outside of it")


def _needs_jti(client: Client, claims: Mapping[str, Any], outer: UncheckedRequest) -> bool:
    # Who pushes one has authenticated for it: a replay would be its own.
    return (client.require_signed_request_object and outer.pushed is None) or "jti" in claims


def _parameters(claims: Mapping[str, Any]) -> dict[str, str]:
    texts = {n: _as_text(n, value) for n, value in claims.items() if n not in _PROTOCOL}
    return {name: text for name, text in texts.items() if text is not None}


def _as_text(name: str, value: object) -> str | None:
    if isinstance(value, str):
        return value
    if name == "claims" and isinstance(value, dict):
        return json.dumps(value)
    if name == "authorization_details" and isinstance(value, list):
        return json.dumps(value)  # RFC 9396 §3: there it is JSON, and no text
    if name in _NUMBERS and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def _refusal(why: str, request: UncheckedRequest | None = None) -> Refused:
    said = f"The signed request of the service cannot be used: {why}."
    return Refused(InvalidRequestObject(said), request)
