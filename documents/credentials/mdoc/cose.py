"""Signatures and keys of COSE, as ISO mdoc has them — RFC 9052 §4, RFC 9053 §2, RFC 9360.

A signature here is COSE_Sign1 with one algorithm in its protected header. The algorithm is pinned
to the key: a key of another curve never passes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from documents.credentials.malformed import Malformed
from documents.credentials.mdoc import cbor
from documents.credentials.sd_jwt import base64url, from_base64url
from foundation import algorithms
from pki import CertifiedKey

ALGORITHMS = {"ES256": -7, "ES384": -35, "EdDSA": -8}
"""The numbers of algorithms by their JOSE names (RFC 9053 §2)."""
_NAMES = {number: name for name, number in ALGORITHMS.items()}
ALG, CRITICAL, X5CHAIN = 1, 2, 33
MOST_CERTIFICATES = 5
_KTY, _CRV, _X, _Y = 1, -1, -2, -3
_OKP, _EC2 = 1, 2
_CURVES = {"P-256": (1, "ES256"), "P-384": (2, "ES384"), "Ed25519": (6, "EdDSA")}
_BY_NUMBER = {number: (name, algorithm) for name, (number, algorithm) in _CURVES.items()}


class WrongSignature(ValueError):
    """It was changed after it was signed, or somebody else signed it."""


@dataclass(frozen=True, slots=True)
class Sign1:
    """A COSE_Sign1 as it came. `payload` is None where it is detached."""

    protected: bytes
    headers: Mapping[Any, Any]
    unprotected: Mapping[Any, Any]
    payload: bytes | None
    signature: bytes

    @property
    def algorithm(self) -> str | None:
        """The JOSE name; None for one that does not count here."""
        number = self.headers.get(ALG)
        return _NAMES.get(number) if type(number) is int else None

    def verify(self, key: Any, algorithm: str, payload: bytes) -> None:
        """Raises WrongSignature."""
        try:
            signed = _to_be_signed(self.protected, payload)
            algorithms.verify(algorithm, key, self.signature, signed)
        except (InvalidSignature, ValueError):
            raise WrongSignature from None

    def chain(self) -> Sequence[bytes]:
        """The certificates of who signed (DER), its own first (RFC 9360 §2); empty for none."""
        found = self.unprotected.get(X5CHAIN)
        listed = [found] if type(found) is bytes else found
        if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_CERTIFICATES:
            return ()
        return listed if all(type(one) is bytes for one in listed) else ()


def sign1(by: CertifiedKey, payload: bytes, headers: Mapping[int, Any] | None = None) -> list[Any]:
    """A COSE_Sign1 with its chain of certificates, but for the root. `headers`: protected too."""
    protected = cbor.encode({ALG: ALGORITHMS[by.signer.algorithm], **(headers or {})})
    chain = [by.certificate, *by.chain]
    unprotected = {X5CHAIN: chain if len(chain) > 1 else chain[0]}
    return [protected, unprotected, payload, by.signer.sign(_to_be_signed(protected, payload))]


def read(found: Any) -> Sign1:
    """Raises Malformed. Whoever says that a header must be understood is refused: none is known
    here beyond those of RFC 9052."""
    if not isinstance(found, list) or len(found) != 4:
        raise Malformed("malformed_signature", "A signature in it is of another form.")
    protected, unprotected, payload, signature = found
    whole = (
        type(protected) is bytes
        and isinstance(unprotected, dict)
        and type(payload) in (bytes, type(None))
        and type(signature) is bytes
    )
    if not whole:
        raise Malformed("malformed_signature", "A signature in it is of another form.")
    headers = cbor.decode(protected) if protected else {}
    if not isinstance(headers, dict) or headers.keys() & unprotected.keys():
        raise Malformed("malformed_signature", "A signature in it says one thing twice.")
    if CRITICAL in headers or CRITICAL in unprotected:
        raise Malformed(
            "critical_header", "It has a header that must be understood, and is not known here."
        )
    return Sign1(protected, headers, unprotected, payload, signature)


def _to_be_signed(protected: bytes, payload: bytes) -> bytes:
    return cbor.encode(["Signature1", protected, b"", payload])


# ── keys ──────────────────────────────────────────────────────────────────────────────


def key_of_jwk(jwk: Mapping[str, str]) -> dict[int, Any]:
    """A public key as a COSE_Key (RFC 9053 §7)."""
    number, _ = _CURVES[jwk["crv"]]
    key: dict[int, Any] = {
        _KTY: _OKP if jwk["kty"] == "OKP" else _EC2,
        _CRV: number,
        _X: from_base64url(jwk["x"]),
    }
    return {**key, _Y: from_base64url(jwk["y"])} if "y" in jwk else key


def public_key(found: Any) -> tuple[Any, str]:
    """The key of a COSE_Key, and the JOSE name of the algorithm that it signs by. Raises
    Malformed."""
    fault = Malformed("no_holder_key", "The credential is bound to no key.")
    number = found.get(_CRV) if isinstance(found, dict) else None
    if type(number) is not int or number not in _BY_NUMBER:
        raise fault
    name, algorithm = _BY_NUMBER[number]
    kind, members = ("OKP", (_X,)) if algorithm == "EdDSA" else ("EC", (_X, _Y))
    if found.get(_KTY) != (_OKP if kind == "OKP" else _EC2):
        raise fault
    if not all(type(found.get(member)) is bytes for member in members):
        raise fault
    jwk = {"kty": kind, "crv": name, "x": base64url(found[_X])}
    if kind == "EC":
        jwk["y"] = base64url(found[_Y])
    try:
        key = jwt.PyJWK.from_dict({**jwk, "alg": algorithm}).key
    except (jwt.PyJWTError, ValueError, TypeError):
        raise fault from None
    return cast(ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey, key), algorithm
