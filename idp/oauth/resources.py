"""Our own protected resources, as their metadata says it — RFC 9728 §2."""

from __future__ import annotations

from typing import Any

from foundation.settings import Jurisdiction, Server, Settings
from idp.oauth import dpop
from idp.oauth.abilities import ASKS
from idp.oauth.client import OPENID
from policies import Catalogue

WELL_KNOWN = "/.well-known/oauth-protected-resource"
USERINFO = "/oauth/userinfo"
_QUESTIONS = ("/access/v1/evaluation", "/access/v1/evaluations")
PATHS = ("", USERINFO, *_QUESTIONS)
"""The whole of this server first: that is what the `aud` of its tokens names."""


def is_ours(resource: str | None, issuer: str) -> bool:
    """Whether a `resource` parameter (RFC 8707 §2) names this server, as `resource_metadata` does:
    a token for it is the one that is given without the parameter."""
    return resource in {issuer + path for path in PATHS}


def metadata_url(issuer: str, path: str) -> str:
    """Where the metadata of what stands at `path` is; that of the whole server is for the rest."""
    return issuer + WELL_KNOWN + (path if path in PATHS else "")


def resource_metadata(settings: Settings, catalogue: Catalogue, path: str) -> dict[str, Any]:
    """The document of one of `PATHS`."""
    issuer = settings.of(Server).url
    people, questions = [OPENID, *catalogue.scopes()], [ASKS]
    scopes = {USERINFO: people, **dict.fromkeys(_QUESTIONS, questions)}
    return {
        # §3.3: exactly the address that the client was refused at.
        "resource": issuer + path,
        "resource_name": settings.of(Jurisdiction).name,
        "authorization_servers": [issuer],
        "scopes_supported": scopes.get(path, people + questions),
        "bearer_methods_supported": ["header", "body"] if path == USERINFO else ["header"],
        "tls_client_certificate_bound_access_tokens": True,
        "dpop_signing_alg_values_supported": list(dpop.ALGORITHMS),
        "dpop_bound_access_tokens_required": False,
        "resource_documentation": f"{issuer}/api",
    }
