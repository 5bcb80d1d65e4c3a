"""Userinfo: the claims that may be read now — OpenID Connect Core §5.3, RFC 6750 §2."""

from __future__ import annotations

import re
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from foundation import web
from idp.oauth import bearer
from idp.oauth.active_tokens import ActiveToken
from idp.oauth.authorization_server import OAuth
from idp.oauth.bearer import Presented
from idp.oauth.client import OPENID
from idp.oauth.errors import BadBearerRequest, InsufficientScope, InvalidToken
from idp.oauth.tokens import id_token, jws

INTERACTION = "x-fapi-interaction-id"
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
TYPE = "userinfo+jwt"
"""§5.3.2 names none; one of its own keeps it from being taken for an ID token (RFC 8725 §3.11)."""


def userinfo(oauth: OAuth, request: Request) -> Response:
    """`sub`, and what the person chose and a decision permits at this moment."""
    now = oauth.runtime.clock.now()
    found = oauth.bearers.active(request, _presented(request), now)
    if found.token.audience != oauth.issuer:
        raise InvalidToken("The token is for another resource.")
    if found.grant is None or OPENID not in found.token.scope:
        raise InsufficientScope("Userinfo needs a token of a person with the scope openid.")
    claims = oauth.releases.release(found.grant, found.grant.userinfo_attributes, now)
    body = {**claims, "sub": found.grant.subject}
    headers = {
        "Cache-Control": "no-store",
        **oauth.proofs.headers(request, now),
        **_interaction(request, found),
    }
    client = oauth.clients.find(found.grant.client_id, now)
    algorithm = None if client is None else client.userinfo_signed_response_alg
    if algorithm is None:
        return JSONResponse(body, headers=headers)
    # §5.3.2: signed, for this client alone.
    claims = {**body, "iss": oauth.issuer, "aud": found.grant.client_id}
    token = jws.sign(oauth.runtime.keys, id_token.USES[algorithm], TYPE, claims)
    return Response(token, media_type="application/jwt", headers=headers)


def _interaction(request: Request, found: ActiveToken) -> dict[str, str]:
    """What both sides find this call by in their logs, for services that bind their tokens —
    FAPI 1.0 Read-Only §6.2.1 (11); anybody else is told what they said."""
    said = request.headers.get(INTERACTION, "")
    if _UUID.fullmatch(said):
        return {INTERACTION: said}
    token = found.token
    bound = token.certificate_thumbprint or token.key_thumbprint
    return {INTERACTION: str(uuid4())} if bound else {}


def _presented(request: Request) -> Presented:
    """The token from the header, or from a form body; never from the query (RFC 6750 §2.3)."""
    if "access_token" in request.query_params:
        raise BadBearerRequest("Send the access token in the Authorization header, not in the URL.")
    in_header = bearer.read(request)
    in_body = None
    if request.method == "POST" and web.media_type(request) == "application/x-www-form-urlencoded":
        in_body = web.form(request, error=BadBearerRequest).get("access_token")
    if in_header is not None and in_body is not None:
        raise BadBearerRequest("Send the access token in one way only (RFC 6750 §2).")
    return bearer.required(in_header or (Presented(in_body) if in_body else None))
