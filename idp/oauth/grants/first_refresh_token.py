"""The first refresh token of a grant, tied to what its client proved — RFC 6749 §6, RFC 8705 §4."""

from __future__ import annotations

from foundation.database import UnitOfWork
from idp.oauth import refresh_tokens
from idp.oauth.grant import Grant
from idp.oauth.grants.proposal import TokenRequest


def issue(uow: UnitOfWork, grant: Grant, request: TokenRequest) -> str | None:
    """Record the token and return its value; None where the client may not have one."""
    client = request.client
    if "refresh_token" not in client.grant_types:
        return None
    bound = client.certificate_bound_access_tokens or client.is_public
    return refresh_tokens.issue(
        uow,
        grant_id=grant.id,
        client_id=grant.client_id,
        certificate_thumbprint=request.caller.certificate_thumbprint if bound else None,
        now=request.now,
        expires_at=grant.expires_at,
        # RFC 9449 §5: one who authenticates is bound by that, and may change its key.
        key_thumbprint=request.key_thumbprint if client.is_public else None,
    )
