"""Proofs that a wallet holds the keys that copies are bound to — OpenID4VCI §8.2.1.1, F.1."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import jwt

from documents.credentials.errors import (
    InvalidCredentialRequest,
    InvalidNonce,
    InvalidProof,
)
from foundation.algorithms import jwk as public_jwk
from foundation.signing_keys import thumbprint

ALGORITHMS = ("ES256", "ES384", "EdDSA")
TYPE = "openid4vci-proof+jwt"
LONGEST = 8192
OFF = timedelta(minutes=10)
"""By how much a wallet's clock may be wrong: that a proof is of now, its nonce says."""
_PRIVATE = frozenset({"d", "k", "p", "q"})
_BY_CURVE = {"P-256": "ES256", "P-384": "ES384", "Ed25519": "EdDSA"}


def listed(body: Mapping[str, Any], most: int) -> Sequence[str]:
    """The proofs of a credential request, 1 to `most`. Raises InvalidCredentialRequest,
    InvalidProof."""
    if "proof" in body:
        raise InvalidCredentialRequest("proof is of a draft: send proofs, an object with jwt.")
    proofs = body.get("proofs")
    if proofs is None:
        raise InvalidProof("proofs is missing: each copy is bound to a key of the wallet (§8.2).")
    if not isinstance(proofs, dict) or set(proofs) != {"jwt"}:
        raise InvalidProof("proofs must be an object with jwt, and nothing beside it.")
    found = proofs["jwt"]
    if not isinstance(found, list) or not 1 <= len(found) <= most:
        raise InvalidProof(f"proofs.jwt must be a list of 1 to {most} proofs.")
    if not all(isinstance(one, str) and len(one) <= LONGEST for one in found):
        raise InvalidProof("A proof of proofs.jwt is no text, or too long.")
    return found


def keys_of(
    proofs: Sequence[str],
    issuer: str,
    wallet: str,
    is_ours: Callable[[str], bool],
    now: datetime,
) -> tuple[list[dict[str, str]], str]:
    """The public keys (JWK) that were proven, each once, and the one nonce of all proofs.

    Raises InvalidProof, InvalidNonce.
    """
    keys: list[dict[str, str]] = []
    seen: set[str] = set()
    nonces: set[str] = set()
    for one in proofs:
        key, nonce = _proven(one, issuer, wallet, now)
        if not is_ours(nonce):
            raise InvalidNonce("nonce of the proof is none of ours, or too old: ask for a new one.")
        nonces.add(nonce)
        name = thumbprint(key)
        if name in seen:
            raise InvalidProof("Two proofs are of one key: each copy has a key of its own.")
        seen.add(name)
        keys.append(public_jwk(key))
    if len(nonces) != 1:
        raise InvalidNonce("All proofs of a request have the same nonce.")
    return keys, nonces.pop()


def _proven(proof: str, issuer: str, wallet: str, now: datetime) -> tuple[Any, str]:
    try:
        header = jwt.get_unverified_header(proof)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise InvalidProof("A proof is not a signed JWT.") from None
    if header.get("typ") != TYPE:
        raise InvalidProof(f"typ of a proof must be {TYPE}.")
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise InvalidProof(f"alg of a proof must be one of {', '.join(ALGORITHMS)}.")
    key = _key(header, algorithm)
    try:
        algorithms = [algorithm]
        payload = jwt.PyJWS(algorithms=algorithms).decode(proof, key, algorithms=algorithms)
        claims = json.loads(payload)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise InvalidProof("The signature of a proof does not verify with its key.") from None
    if not isinstance(claims, dict):
        raise InvalidProof("The payload of a proof is not an object.")
    if claims.get("aud") not in (issuer, [issuer]):
        raise InvalidProof(f"aud of a proof must be {issuer}.")
    if claims.get("iss") not in (None, wallet):
        raise InvalidProof("iss of a proof is not the client_id of this wallet.")
    _check_time(claims.get("iat"), now)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str):
        raise InvalidNonce("A proof has no nonce: ask for one at the nonce endpoint.")
    return key, nonce


def _key(header: Mapping[str, Any], algorithm: str) -> Any:
    found = header.get("jwk")
    if not isinstance(found, dict) or "x5c" in header:
        raise InvalidProof("The header of a proof must have a public key, as jwk.")
    if _PRIVATE & found.keys():
        raise InvalidProof("jwk of a proof is a private key; that key is burnt: make another.")
    if _BY_CURVE.get(str(found.get("crv"))) != algorithm:
        raise InvalidProof("jwk of a proof does not fit its alg.")
    try:
        return jwt.PyJWK.from_dict({**found, "alg": algorithm}).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        raise InvalidProof("jwk of a proof cannot be read.") from None


def _check_time(issued_at: Any, now: datetime) -> None:
    if isinstance(issued_at, bool) or not isinstance(issued_at, int | float):
        raise InvalidProof("iat of a proof is missing or not a number.")
    age = now.timestamp() - issued_at
    if abs(age) > OFF.total_seconds():
        raise InvalidProof("iat of a proof is not the time now.")
