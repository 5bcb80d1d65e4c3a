"""Proofs that whoever calls holds the key that a token is bound to — RFC 9449."""

from idp.oauth.dpop.nonces import Nonces
from idp.oauth.dpop.proof import ALGORITHMS, Proof, Refused, is_thumbprint
from idp.oauth.dpop.proofs import NONCE_HEADER, Proofs

__all__ = ["ALGORITHMS", "NONCE_HEADER", "Nonces", "Proof", "Proofs", "Refused", "is_thumbprint"]
