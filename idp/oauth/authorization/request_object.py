"""Signed request objects, by value — RFC 9101 §5, §6; OpenID Federation 1.0 §12.1.1.1."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from foundation.database import Database
from idp.oauth import assertions
from idp.oauth.authorization.request import UncheckedRequest
from idp.oauth.client import Client
from idp.oauth.errors import UnusableRequest
from idp.oauth.tokens import foreign

_TYPES = ("oauth-authz-req+jwt", "jwt", None)
_PROTOCOL = frozenset({"iss", "aud", "exp", "iat", "nbf", "jti", "sub", "trust_chain"})
_NUMBERS = frozenset({"max_age"})


def opened(
    outer: UncheckedRequest, client: Client, issuer: str, database: Database, now: datetime
) -> UncheckedRequest:
    """The parameters inside the request object; those outside do not count (RFC 9101 §6.3).

    Raises UnusableRequest: what is not proven to come from the client earns no redirect.
    """
    token = outer.get("request")
    if token is None:
        return outer
    if not client.jwks:
        raise _refusal("this client has no registered key to sign a request object with")
    try:
        claims = foreign.verified(token, client.jwks, _TYPES)
        foreign.check_audience(claims, issuer)
        expires = foreign.check_times(claims, now)
        jti = foreign.identifier(claims) if _needs_jti(client, claims) else None
    except foreign.Refused as reason:
        raise _refusal(str(reason)) from None
    _check_members(client, claims)
    inner = UncheckedRequest({"client_id": client.id, **_parameters(claims)}, signed=True)
    for name in ("client_id", "response_type", "redirect_uri", "state", "nonce"):
        if outer.get(name) is not None and inner.get(name) not in (None, outer.get(name)):
            raise _refusal(f"{name} differs inside and outside of it")
    if jti is not None:
        with database.write() as uow:
            if not assertions.first_use(uow, client.id, jti, expires + timedelta(minutes=1)):
                raise _refusal("it was used before")
    return inner


def _check_members(client: Client, claims: Mapping[str, Any]) -> None:
    if claims.get("client_id", client.id) != client.id or claims.get("iss") != client.id:
        raise _refusal("iss and client_id must be the client's own")
    if "sub" in claims:
        # RFC 9101 §10.8: otherwise it could be replayed as a client assertion.
        raise _refusal("it must not have a sub")
    if "request" in claims or "request_uri" in claims:
        raise _refusal("it must not contain request or request_uri")


def _needs_jti(client: Client, claims: Mapping[str, Any]) -> bool:
    return client.require_signed_request_object or "jti" in claims


def _parameters(claims: Mapping[str, Any]) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for name, value in claims.items():
        if name in _PROTOCOL:
            continue
        if isinstance(value, str):
            parameters[name] = value
        elif name == "claims" and isinstance(value, dict):
            parameters[name] = json.dumps(value)
        elif name in _NUMBERS and isinstance(value, int) and not isinstance(value, bool):
            parameters[name] = str(value)
        else:
            raise _refusal(f"{name} is not a text")
    return parameters


def _refusal(why: str) -> UnusableRequest:
    return UnusableRequest(
        f"The signed request of the service cannot be used: {why}.",
        where="request",
        next_step="Go back to the service and start again; if it happens again, tell them.",
    )
