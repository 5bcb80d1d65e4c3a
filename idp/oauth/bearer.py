"""Bearer tokens at our own resources, and their certificate — RFC 6750, RFC 8705 §3."""

from __future__ import annotations

import hmac
from datetime import datetime

from starlette.requests import Request

from foundation import web
from idp.oauth.active_tokens import ActiveToken, ActiveTokens
from idp.oauth.client_authentication.tls_client_auth import thumbprint
from idp.oauth.errors import InvalidToken, MissingToken
from idp.oauth.tokens.jws import NotOurs


def read(request: Request) -> str | None:
    """The token of the Authorization header, or None if there is no bearer token."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" and value.strip() else None


def required(value: str | None) -> str:
    """The token. Raises MissingToken, whose challenge names no error (§3.1)."""
    if value is None:
        raise MissingToken("Send an access token in the Authorization header.")
    return value


def active(tokens: ActiveTokens, request: Request, value: str, now: datetime) -> ActiveToken:
    """The live token, held by the certificate it is bound to. Raises InvalidToken."""
    try:
        found = tokens.find(value, now)
    except NotOurs as reason:
        raise InvalidToken(
            "The access token is not valid (any more).", detail=str(reason)
        ) from None
    bound_to = found.token.certificate_thumbprint
    if bound_to is not None:
        certificate = web.client_certificate(request)
        presented = "" if certificate is None else thumbprint(certificate)
        if not hmac.compare_digest(presented, bound_to):
            raise InvalidToken("The access token is bound to another client certificate.")
    return found
