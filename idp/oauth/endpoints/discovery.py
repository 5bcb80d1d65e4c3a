"""Metadata of this authorization server — OpenID Connect Discovery 1.0 §4, RFC 8414 §3."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from idp.oauth import resources
from idp.oauth.authorization_server import OAuth
from idp.oauth.discovery import provider_metadata


def configuration(oauth: OAuth, request: Request) -> Response:
    """The same document at both well-known places."""
    metadata = provider_metadata(oauth.runtime.settings, oauth.policies.catalogue)
    return JSONResponse(metadata, headers={"Cache-Control": "public, max-age=300"})


def protected_resource(oauth: OAuth, request: Request) -> Response:
    """RFC 9728 §3: the path of the resource stands behind the well-known one."""
    path = request.url.path.removeprefix(resources.WELL_KNOWN)
    metadata = resources.resource_metadata(oauth.runtime.settings, oauth.policies.catalogue, path)
    return JSONResponse(metadata, headers={"Cache-Control": "public, max-age=300"})
