"""Token revocation — RFC 7009."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from idp.oauth.authorization_server import OAuth
from idp.oauth.errors import InvalidRequest


def revoke(oauth: OAuth, request: Request) -> Response:
    """200 with nothing in it, whether or not there was such a token (§2.2)."""
    form = web.form(request, error=InvalidRequest)
    now = oauth.runtime.clock.now()
    caller = oauth.authenticator.authenticate(request, form, now)
    # token_type_hint is only a hint; both kinds are looked for (§2.1).
    oauth.revocation.revoke(caller.client, form.required("token", InvalidRequest), now)
    return Response(headers={"Cache-Control": "no-store"})
