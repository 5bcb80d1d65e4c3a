"""Proofs that a wallet holds the keys that copies are bound to — OpenID4VCI §8.2.1.1, F.1."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
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

JWT, ATTESTATION = "jwt", "attestation"
ALGORITHMS = ("ES256", "ES384", "EdDSA")
TYPE = "openid4vci-proof+jwt"
LONGEST = 30_000
OFF = timedelta(minutes=10)
"""By how much a wallet's clock may be wrong: that a proof is of now, its nonce says."""
Key = Any
"""A public key of `cryptography`."""
Vouched = Callable[[Any], tuple[Sequence[Key], str | None]]
"""The keys of a key attestation, and its nonce."""
_PRIVATE = frozenset({"d", "k", "p", "q"})
_BY_CURVE = {"P-256": "ES256", "P-384": "ES384", "Ed25519": "EdDSA"}


@dataclass(frozen=True, slots=True)
class Listed:
    """Proofs of a request, all of one kind. `most`: copies that there are for them."""

    kind: str
    texts: Sequence[str]
    most: int


def listed(body: Mapping[str, Any], most: int, kinds: Collection[str] = (JWT,)) -> Listed:
    """The proofs of a credential request, 1 to `most`, of one of these kinds. Raises
    InvalidCredentialRequest, InvalidProof."""
    if "proof" in body:
        raise InvalidCredentialRequest("proof is of a draft: send proofs, an object with jwt.")
    proofs = body.get("proofs")
    if proofs is None:
        raise InvalidProof("proofs is missing: each copy is bound to a key of the wallet (§8.2).")
    if not isinstance(proofs, dict) or len(proofs) != 1 or not proofs.keys() <= set(kinds):
        raise InvalidProof(f"proofs must be an object with {' or '.join(kinds)}, and no more.")
    ((kind, found),) = proofs.items()
    if not isinstance(found, list) or not 1 <= len(found) <= most:
        raise InvalidProof(f"proofs.{kind} must be a list of 1 to {most} proofs.")
    if not all(isinstance(one, str) and len(one) <= LONGEST for one in found):
        raise InvalidProof(f"A proof of proofs.{kind} is no text, or too long.")
    return Listed(kind, found, most)


def keys_of(
    proofs: Listed,
    issuer: str,
    wallet: str,
    is_ours: Callable[[str], bool],
    now: datetime,
    vouched: Vouched | None = None,
) -> tuple[list[dict[str, str]], str]:
    """The public keys (JWK) that were proven, each once, and the one nonce of all proofs.

    `vouched`: reads a key attestation; with it each key needs one (Annex D), and all keys that one
    attests get a copy (F.1). Raises InvalidProof, InvalidNonce.
    """
    keys: list[Key] = []
    nonces: set[Any] = set()
    if proofs.kind == ATTESTATION:
        if vouched is None or len(proofs.texts) != 1:
            raise InvalidProof("proofs.attestation must be a list of one key attestation.")
        found, nonce = vouched(proofs.texts[0])
        keys, nonces = list(found), {nonce}
    else:
        for one in proofs.texts:
            more, nonce = _proven(one, issuer, wallet, now, vouched)
            keys += more
            nonces.add(nonce)
    if vouched is not None:
        # What several proofs attest is said once.
        keys = list({thumbprint(key): key for key in keys}.values())
        if len(keys) > proofs.most:
            raise InvalidProof(f"There are {proofs.most} copies at most.")
    for nonce in nonces:
        if not isinstance(nonce, str) or not is_ours(nonce):
            raise InvalidNonce("nonce of the proof is none of ours, or too old: ask for a new one.")
    if len({thumbprint(key) for key in keys}) != len(keys):
        raise InvalidProof("Two proofs are of one key: each copy has a key of its own.")
    if len(nonces) != 1:
        raise InvalidNonce("All proofs of a request have the same nonce.")
    return [public_jwk(key) for key in keys], nonces.pop()


def _proven(
    proof: str, issuer: str, wallet: str, now: datetime, vouched: Vouched | None
) -> tuple[Sequence[Key], Any]:
    key, header, nonce = _signed(proof, issuer, wallet, now)
    if vouched is None:
        return [key], nonce
    attested, its_nonce = vouched(header.get("key_attestation"))
    if thumbprint(key) not in {thumbprint(one) for one in attested}:
        raise InvalidProof("The key of a proof is none of those that are vouched for.")
    if its_nonce not in (None, nonce):
        raise InvalidNonce("A key attestation is for another nonce than its proof.")
    return attested, nonce


def _signed(
    proof: str, issuer: str, wallet: str, now: datetime
) -> tuple[Key, Mapping[str, Any], str]:
    """The key of a proof that it is signed by, its header, and its nonce."""
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
    return key, header, nonce


def _key(header: Mapping[str, Any], algorithm: str) -> Key:
    found = header.get("jwk")
    if not isinstance(found, dict) or "x5c" in header:
        raise InvalidProof("The header of a proof must have a public key, as jwk.")
    if _BY_CURVE.get(str(found.get("crv"))) != algorithm:
        raise InvalidProof("jwk of a proof does not fit its alg.")
    return key_of(found)


def key_of(found: Any) -> Key:
    """The public key of a JWK, of a kind that copies are bound to. Raises InvalidProof."""
    algorithm = _BY_CURVE.get(str(found.get("crv"))) if isinstance(found, dict) else None
    if algorithm is None:
        raise InvalidProof("A key of the wallet is none that copies are bound to here.")
    if _PRIVATE & found.keys():
        raise InvalidProof("jwk of a proof is a private key; that key is burnt: make another.")
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
