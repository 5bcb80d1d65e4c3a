"""The keys that verify our tokens — RFC 7517 §5."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from foundation.keys import KeySettings
from idp.oauth.authorization_server import SIGNING_USES, OAuth


def jwks(oauth: OAuth, request: Request) -> Response:
    """All published keys: next, present and recent. Kept by others no longer than a new key
    waits before it signs."""
    keys = oauth.runtime.keys
    listed = [keys.jwk(key) for use in SIGNING_USES for key in keys.published(use)]
    age = oauth.runtime.settings.of(KeySettings).publish_ahead_seconds
    headers = {"Cache-Control": f"public, max-age={age}"}
    return JSONResponse({"keys": listed}, headers=headers)
