"""Which authorities there are, where their keys lie, and how long they last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cryptography.hazmat.primitives.serialization import Encoding

from foundation.errors import Unavailable
from foundation.keys import Keys
from pki.hierarchy.hierarchy import Authority, Hierarchy, key_use
from pki.x509.public_key import describe
from pki.x509.thumbprint import x5t_s256

KeyPlace = Literal["sealed", "token", "elsewhere"]


@dataclass(frozen=True, slots=True)
class AuthorityStanding:
    """One authority as the operator sees it. `authority` and `issuer` are short names."""

    authority: str
    issuer: str
    algorithm: str
    key: KeyPlace
    signs: bool
    not_before: datetime
    not_after: datetime
    thumbprint: str


def inventory(hierarchy: Hierarchy, keys: Keys) -> tuple[AuthorityStanding, ...]:
    """Roots first, each followed by those that it certified."""
    hierarchy.read_again()
    every = hierarchy.all()
    ordered: list[Authority] = []
    for root in (a for a in every if a.is_root):
        ordered += [root, *(a for a in every if a.issuer_kid == root.kid and not a.is_root)]
    return tuple(_standing(authority, hierarchy, keys) for authority in ordered)


def _standing(authority: Authority, hierarchy: Hierarchy, keys: Keys) -> AuthorityStanding:
    use = key_use(authority.name)
    held = {signer.kid: signer for signer in keys.signers(use)}
    mine = held.get(authority.kid)
    try:
        signs = hierarchy.signing(authority.name)[0].kid == authority.kid
    except Unavailable:
        signs = False
    issuer = hierarchy.by_kid(authority.issuer_kid)
    certificate = authority.certificate
    place: KeyPlace = "elsewhere" if mine is None else "token" if mine.in_token else "sealed"
    return AuthorityStanding(
        authority=authority.slug,
        issuer=issuer.slug if issuer is not None else "?",
        algorithm=describe(certificate.public_key()).kind,
        key=place,
        signs=signs,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        thumbprint=x5t_s256(certificate.public_bytes(Encoding.DER)),
    )
