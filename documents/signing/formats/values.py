"""A signature's value as XML and JOSE write it — RFC 6931 §2.3.6, RFC 7518 §3.4."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from pki import CmsSigner, bare_signature


def plain(by: CmsSigner, digest: bytes, hash_name: str) -> bytes:
    """ECDSA as R and S in one, each as long as the curve's order; others as they are."""
    signature = bare_signature(by, digest, hash_name)
    if not is_ecdsa(by):
        return signature
    size = (by.private_key.curve.key_size + 7) // 8
    return b"".join(part.to_bytes(size, "big") for part in decode_dss_signature(signature))


def is_ecdsa(by: CmsSigner) -> bool:
    return isinstance(by.private_key, ec.EllipticCurvePrivateKey)
