"""Signature algorithms by their JOSE names — RFC 7518 §3, RFC 8037, RFC 7517 §6, FIPS 204.

One row an algorithm: how its key is made, checked, signed with and written as a JWK. The
algorithm is pinned per key; a key of another kind never passes `checked`.
"""

import base64
from typing import Any, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

PrivateKey = (
    ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | rsa.RSAPrivateKey
    | mldsa.MLDSA44PrivateKey
    | mldsa.MLDSA65PrivateKey
    | mldsa.MLDSA87PrivateKey
)
PublicKey = (
    ec.EllipticCurvePublicKey
    | ed25519.Ed25519PublicKey
    | rsa.RSAPublicKey
    | mldsa.MLDSA44PublicKey
    | mldsa.MLDSA65PublicKey
    | mldsa.MLDSA87PublicKey
)

CURVES: dict[str, tuple[type[ec.EllipticCurve], type[hashes.HashAlgorithm]]] = {
    "ES256": (ec.SECP256R1, hashes.SHA256),
    "ES384": (ec.SECP384R1, hashes.SHA384),
}
RSA_BITS = 3072
ML_DSA: dict[str, tuple[Any, Any]] = {
    "ML-DSA-44": (mldsa.MLDSA44PrivateKey, mldsa.MLDSA44PublicKey),
    "ML-DSA-65": (mldsa.MLDSA65PrivateKey, mldsa.MLDSA65PublicKey),
    "ML-DSA-87": (mldsa.MLDSA87PrivateKey, mldsa.MLDSA87PublicKey),
}
"""For certificates; no token holds such a key yet, and no JOSE object here is signed with one."""
SUPPORTED = (*CURVES, "EdDSA", "RS256", *ML_DSA)


class UnknownAlgorithm(ValueError):
    """An algorithm that we do not sign with, or a key of the wrong kind for it."""


def generate(algorithm: str) -> PrivateKey:
    """A new software key."""
    if algorithm in CURVES:
        return ec.generate_private_key(CURVES[algorithm][0]())
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == "RS256":
        return rsa.generate_private_key(65537, RSA_BITS)
    if algorithm in ML_DSA:
        return cast(PrivateKey, ML_DSA[algorithm][0].generate())
    raise UnknownAlgorithm(f"{algorithm} is not one of {', '.join(SUPPORTED)}")


def checked(algorithm: str, key: object) -> PrivateKey:
    """The same key, if it is of the kind that `algorithm` names."""
    if algorithm in CURVES:
        fits = (
            isinstance(key, ec.EllipticCurvePrivateKey)
            and key.curve.name == CURVES[algorithm][0]().name
        )
    elif algorithm == "EdDSA":
        fits = isinstance(key, ed25519.Ed25519PrivateKey)
    elif algorithm in ML_DSA:
        fits = isinstance(key, ML_DSA[algorithm][0])
    else:
        fits = algorithm == "RS256" and isinstance(key, rsa.RSAPrivateKey)
    if not fits:
        raise UnknownAlgorithm(f"the key is not one of {algorithm}")
    return cast(PrivateKey, key)


def sign(algorithm: str, key: PrivateKey, data: bytes) -> bytes:
    """A signature as JWS carries it: R‖S for ECDSA."""
    if algorithm in CURVES and isinstance(key, ec.EllipticCurvePrivateKey):
        size = (key.key_size + 7) // 8
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(CURVES[algorithm][1]())))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    if algorithm == "EdDSA" and isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    if algorithm == "RS256" and isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    raise UnknownAlgorithm(f"the key is not one of {algorithm}")


def verify(algorithm: str, key: PublicKey, signature: bytes, data: bytes) -> None:
    """Check a signature as `sign` makes it; raises InvalidSignature, for a key of another curve
    as well."""
    if algorithm in CURVES and isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name != CURVES[algorithm][0]().name:
            raise InvalidSignature(f"the key is not one of {algorithm}")
        size = (key.key_size + 7) // 8
        if len(signature) != 2 * size:
            raise InvalidSignature("not as long as R‖S")
        r, s = (int.from_bytes(half, "big") for half in (signature[:size], signature[size:]))
        key.verify(encode_dss_signature(r, s), data, ec.ECDSA(CURVES[algorithm][1]()))
    elif algorithm == "EdDSA" and isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, data)
    elif algorithm == "RS256" and isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
    else:
        raise InvalidSignature(f"the key is not one of {algorithm}")


def public_der(key: PublicKey) -> bytes:
    """SubjectPublicKeyInfo — RFC 5280 §4.1.2.7."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def load_public(der: bytes) -> PublicKey:
    return cast(PublicKey, load_der_public_key(der))


def jwk(key: PublicKey) -> dict[str, str]:
    """The key's own members of a JSON Web Key."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        size = (key.curve.key_size + 7) // 8
        numbers = key.public_numbers()
        name = {256: "P-256", 384: "P-384"}[key.curve.key_size]
        return {"kty": "EC", "crv": name, "x": _int(numbers.x, size), "y": _int(numbers.y, size)}
    if isinstance(key, ed25519.Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": _bytes(key.public_bytes_raw())}
    for name, (_, public) in ML_DSA.items():
        if isinstance(key, public):
            return {"kty": "AKP", "alg": name, "pub": _bytes(key.public_bytes_raw())}
    rsa_numbers = cast(rsa.RSAPublicKey, key).public_numbers()
    size = (rsa_numbers.n.bit_length() + 7) // 8
    return {"kty": "RSA", "n": _int(rsa_numbers.n, size), "e": _int(rsa_numbers.e, 3)}


def _int(value: int, size: int) -> str:
    return _bytes(value.to_bytes(size, "big"))


def _bytes(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
