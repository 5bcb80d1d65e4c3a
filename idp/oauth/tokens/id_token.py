"""ID tokens: who signed in, how well proven — OpenID Connect Core §2, §3.1.3.6."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from foundation.keys import Keys
from idp.oauth.client import Client
from idp.oauth.grant import Grant
from idp.oauth.tokens import jws
from policies import acr_of

TYPE = "JWT"
USES = {"ES256": "jwt", "RS256": "jwt-rs256"}


@dataclass(frozen=True, slots=True)
class IdToken:
    """An ID token of ours that somebody hands back as a hint."""

    subject: str
    audience: str
    session_reference: str | None


def encode(
    keys: Keys,
    issuer: str,
    client: Client,
    grant: Grant,
    *,
    access_token: str,
    released: Mapping[str, Any],
    now: datetime,
    lifetime: timedelta,
    nonce: bool = True,
) -> str:
    """The ID token, signed by the algorithm that the client registered.

    `released`: claims that a decision permitted. They never overwrite the protocol's own.
    """
    claims: dict[str, Any] = {
        **released,
        "iss": issuer,
        "sub": grant.subject,
        "aud": client.id,
        "azp": client.id,
        "iat": int(now.timestamp()),
        "exp": int((now + lifetime).timestamp()),
        "acr": acr_of(grant.level),
        "amr": list(grant.amr),
        "sid": grant.session_reference,
        "at_hash": half_hash(access_token),
    }
    # What two services could compare is told to who asked for it, and coarsely.
    if grant.auth_time_told is not None:
        claims["auth_time"] = int(grant.auth_time_told.timestamp())
    # §12.2: a refreshed ID token should not carry the nonce of the first.
    if nonce and grant.nonce is not None:
        claims["nonce"] = grant.nonce
    return jws.sign(keys, USES[client.id_token_signed_response_alg], TYPE, claims)


def hint(keys: Keys, issuer: str, value: str) -> IdToken:
    """What an `id_token_hint` says; it may have expired (RP-Initiated Logout §2), and the key that
    signed it may be retired: services keep tokens for longer than we publish a key. It only names
    a client and a person of its own; the session is proven by its `sid`, which no such key makes.

    Raises jws.NotOurs.
    """
    claims = jws.verify(keys, tuple(USES.values()), TYPE, value, ever=True)
    if claims.get("iss") != issuer or not isinstance(claims.get("aud"), str):
        raise jws.NotOurs("not an ID token of ours")
    return IdToken(str(claims.get("sub")), claims["aud"], claims.get("sid"))


def half_hash(value: str) -> str:
    """`at_hash`: the left half of SHA-256 of the ASCII octets, base64url — §3.1.3.6."""
    digest = hashlib.sha256(value.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode("ascii")
