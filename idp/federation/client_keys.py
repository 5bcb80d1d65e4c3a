"""Keys of a relying party that stand elsewhere than in its statement — OpenID Federation §5.2.1."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from foundation.fetch import Fetch, FetchError
from idp.federation import jws
from idp.federation.jws import Invalid
from idp.federation.resolution import Unresolved
from idp.federation.trust_chain import TrustChain

JWK_SET_TYP = "jwk-set+jwt"
_JSON = ("application/json", "application/jwk-set+json")
_SIGNED = (f"application/{JWK_SET_TYP}",)


def with_keys(
    metadata: Mapping[str, Any], chain: TrustChain, fetch: Fetch, now: datetime
) -> dict[str, Any]:
    """`metadata` with its keys in `jwks`, fetched from public addresses where they are named by
    address. Raises Unresolved.

    Keys in the statement come first: they are part of what was signed.
    """
    found = {n: v for n, v in metadata.items() if n not in ("jwks_uri", "signed_jwks_uri")}
    if "jwks" in metadata:
        return found
    try:
        if "signed_jwks_uri" in metadata:
            found["jwks"] = _signed(metadata["signed_jwks_uri"], chain, fetch, now)
        elif "jwks_uri" in metadata:
            found["jwks"] = json.loads(fetch.get(_url(metadata, "jwks_uri"), _JSON).body)
    except (FetchError, Invalid, ValueError, RecursionError) as error:
        raise Unresolved(f"The keys of {chain.subject} cannot be had: {error}") from error
    return found


def _signed(url: object, chain: TrustChain, fetch: Fetch, now: datetime) -> Mapping[str, Any]:
    body = fetch.get(_url({"signed_jwks_uri": url}, "signed_jwks_uri"), _SIGNED).body
    unverified = jws.read(body.decode("ascii", "replace"), JWK_SET_TYP)
    # Its federation keys as its superior knows them, not as it says itself.
    claims = jws.verify(unverified, chain.statements[1].keys)
    if claims.get("iss") != chain.subject or claims.get("sub") != chain.subject:
        raise Invalid("The signed JWK Set is about somebody else.")
    if "exp" in claims and jws.instant(claims, "exp") <= now - jws.LEEWAY:
        raise Invalid("The signed JWK Set has expired.")
    return {"keys": claims.get("keys")}


def _url(metadata: Mapping[str, Any], name: str) -> str:
    url = metadata[name]
    if not isinstance(url, str):
        raise Invalid(f"{name} is not a URL.")
    return url
