"""Whoever signed a request holds the key that it carries — RFC 2986 §4.2, RFC 4211 appendix C."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from pki.refusals import RequestRefused
from pki.requests import pkcs10
from pki.requests.pkcs10 import ANY_KEY, MAKE_ANEW
from pki.x509 import der
from pki.x509.public_key import PublicKey, describe

SOUND_HASH = "Sign the request with SHA-256 or better."
WEAK_HASHES = {"md5": "MD5", "sha1": "SHA-1", "sha224": "SHA-224"}


def key_of(written: pkcs10.Written) -> PublicKey:
    try:
        return describe(load_der_public_key(written.key))
    except UnsupportedAlgorithm as error:
        raise RequestRefused(
            "subjectPKInfo",
            "The key is of a kind, or on a curve, that is not known here.",
            "Make an EC key on P-256.",
            detail=str(error),
        ) from error
    except pkcs10.UNREADABLE as error:
        raise RequestRefused(
            "subjectPKInfo",
            f"The key is not written as a key of its algorithm, {written.key_algorithm}, is "
            "(RFC 3279, RFC 5480, RFC 8410, RFC 9881).",
            MAKE_ANEW,
            detail=str(error),
        ) from error


def proven(written: pkcs10.Written, key: PublicKey) -> str | None:
    """The hash that was signed, if any. Raises RequestRefused where nothing is proven by it."""
    try:
        oid, hashed, how = _algorithm(written.algorithm)
    except pkcs10.UNREADABLE as error:
        raise RequestRefused(
            "signatureAlgorithm",
            "The algorithm of the signature, or its parameters, are not known here.",
            SOUND_HASH,
            detail=str(error),
        ) from error
    if hashed is not None and hashed.name in WEAK_HASHES:
        raise RequestRefused(
            "signatureAlgorithm",
            f"The request is signed with {WEAK_HASHES[hashed.name]}, which is broken.",
            SOUND_HASH,
        )
    try:
        proven = _verify(key.key, written, hashed, how)
    except InvalidSignature:
        raise RequestRefused(
            "signature",
            "The request is not signed by the private key of the public key that it carries.",
            "Sign the request with the device's own private key.",
        ) from None
    if not proven:
        raise RequestRefused(
            "signatureAlgorithm",
            f"The algorithm of the signature, {oid}, does "
            f"not go with the key that the request carries, which is of the kind {key.kind}.",
            "Sign the request with the device's own private key.",
        )
    return hashed.name if hashed is not None else None


@lru_cache(maxsize=32)
def _algorithm(written: bytes) -> tuple[str, Any, object]:
    """An AlgorithmIdentifier: its OID, hash and parameters. There are few, so each is read once."""
    said = pkcs10.presented(ANY_KEY, written)
    oid = said.signature_algorithm_oid.dotted_string
    return oid, said.signature_hash_algorithm, said.signature_algorithm_parameters


def _verify(key: Any, written: pkcs10.Written, hashed: Any, how: object) -> bool:
    """Whether the algorithm is one of the key's. Raises InvalidSignature where that is all."""
    signature, signed = written.signature, written.signed
    if isinstance(key, rsa.RSAPublicKey) and isinstance(how, padding.PKCS1v15 | padding.PSS):
        key.verify(signature, signed, how, hashed)
    elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(how, ec.ECDSA):
        key.verify(signature, signed, how)
    elif isinstance(key, dsa.DSAPublicKey) and hashed is not None:
        key.verify(signature, signed, hashed)
    elif hashed is None and written.algorithm == der.sequence(der.oid(written.key_algorithm)):
        key.verify(signature, signed)  # Edwards curves, ML-DSA: the key and the signature are one
    else:
        return False
    return True
