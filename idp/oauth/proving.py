"""What is wrong with a proof, in the words of the endpoint that it came to — RFC 9449 §5, §7.1."""

from __future__ import annotations

from datetime import datetime

from starlette.requests import Request

from foundation.database import UnitOfWork
from foundation.errors import OAuthError
from idp.oauth import dpop
from idp.oauth.dpop import Proof, Proofs
from idp.oauth.errors import (
    InvalidDpopProof,
    InvalidDpopToken,
    InvalidProofAtResource,
    NonceAtResource,
    UseDpopNonce,
)

_AT_RESOURCE: dict[str, type[OAuthError]] = {
    "invalid_token": InvalidDpopToken,
    "use_dpop_nonce": NonceAtResource,
}


def proof_of(proofs: Proofs, request: Request, now: datetime) -> Proof | None:
    """The proof at an endpoint of the authorization server, not spent yet; None where there is
    none. Raises InvalidDpopProof, UseDpopNonce."""
    try:
        return proofs.read(request, now)
    except dpop.Refused as reason:
        if reason.code == "use_dpop_nonce":
            said = {dpop.NONCE_HEADER: proofs.nonce(now)}
            raise UseDpopNonce(reason.description, headers=said) from None
        raise InvalidDpopProof(reason.description) from None


def spend(proofs: Proofs, uow: UnitOfWork, proof: Proof, now: datetime) -> None:
    """Use it up. Raises InvalidDpopProof for one that was used before."""
    try:
        proofs.spend(uow, proof, now)
    except dpop.Refused as reason:
        raise InvalidDpopProof(reason.description) from None


def prove(proofs: Proofs, request: Request, value: str, bound_to: str, now: datetime) -> None:
    """That the caller of one of our resources holds the key of its token. Raises DpopError."""
    try:
        proofs.prove(request, value, bound_to, now)
    except dpop.Refused as reason:
        kind = _AT_RESOURCE.get(reason.code, InvalidProofAtResource)
        said = {dpop.NONCE_HEADER: proofs.nonce(now)} if kind is NonceAtResource else {}
        raise kind(reason.description, headers=said) from None
