"""Logout tokens: whose session ended, and nothing else of them — OIDC Back-Channel Logout §2.4."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from foundation import opaque
from foundation.keys import Keys
from idp.oauth.client import Client
from idp.oauth.tokens import id_token, jws

TYPE = "logout+jwt"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
LIFE = timedelta(minutes=2)
"""§2.4 advises two minutes at most. Each try is signed anew, with a `jti` of its own: a service
that heard the first, and whose answer got lost, does not take the second for a replay."""


def encode(
    keys: Keys, issuer: str, client: Client, subject: str, session_reference: str, now: datetime
) -> str:
    """The token, by the algorithm of this client's ID tokens (§2.6). Never inside a write.

    `subject`, `session_reference`: the pairwise `sub` and `sid` that its ID tokens had. There is
    no `nonce`, so that nobody takes it for an ID token.
    """
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": subject,
        "aud": client.id,
        "iat": int(now.timestamp()),
        "exp": int((now + LIFE).timestamp()),
        "jti": opaque.secret(16),
        "events": {EVENT: {}},
        "sid": session_reference,
    }
    return jws.sign(keys, id_token.USES[client.id_token_signed_response_alg], TYPE, claims)
