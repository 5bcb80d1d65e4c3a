"""Signed data in CMS, with what says by which certificate — RFC 5652 §5, RFC 5035, RFC 6211.

Written as DER by hand, as lists and certificates are (`pki/x509/der.py`). Who signs a time stamp
and who signs a document write the same form around another content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from pki.issuing import drafting
from pki.x509 import der

DATA = "1.2.840.113549.1.7.1"
HASHES: dict[str, Any] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
HASH_OIDS = {
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
_ALGORITHMS = {name: der.sequence(der.oid(oid)) for name, oid in HASH_OIDS.items()}
_ECDSA = {
    name: der.sequence(der.oid(f"1.2.840.10045.4.3.{number}"))
    for name, number in (("sha256", 2), ("sha384", 3), ("sha512", 4))
}
_RSA = {
    name: der.sequence(der.oid(f"1.2.840.113549.1.1.{number}"), b"\x05\x00")
    for name, number in (("sha256", 11), ("sha384", 12), ("sha512", 13))
}
_SIGNED_DATA = der.oid("1.2.840.113549.1.7.2")
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNING_TIME = "1.2.840.113549.1.9.5"
_ALGORITHM_PROTECTION = "1.2.840.113549.1.9.52"
_SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
SIGNATURE_TIME_STAMP = "1.2.840.113549.1.9.16.2.14"
_SET = 0x31


@dataclass(frozen=True, slots=True)
class CmsSigner:
    """Who signs: `certificate` and those above it, DER; `identifier` its IssuerAndSerialNumber and
    `named` the signingCertificateV2 attribute, which says that no other certificate is meant."""

    private_key: Any = field(repr=False)
    certificate: bytes = field(repr=False)
    chain: tuple[bytes, ...] = field(repr=False)
    subject: bytes = field(repr=False)
    identifier: bytes = field(repr=False)
    named: bytes = field(repr=False)
    not_after: datetime


def signer(private_key: Any, certificate: bytes, chain: Sequence[bytes]) -> CmsSigner:
    body = _body_of(certificate)
    read, parsed = drafting.parts(body), drafting.unsigned(body)
    serial = der.integer(parsed.serial_number)
    # RFC 5035 §4: SHA-256 is the default, and DER leaves a default out.
    named = der.sequence(
        der.octets(hashlib.sha256(certificate).digest()),
        der.sequence(der.sequence(der.explicit(4, read.issuer)), serial),
    )
    return CmsSigner(
        private_key,
        certificate,
        tuple(chain),
        read.subject,
        der.sequence(read.issuer, serial),
        attribute(_SIGNING_CERTIFICATE_V2, der.sequence(der.sequence(named))),
        parsed.not_valid_after_utc,
    )


def attribute(oid: str, value: bytes) -> bytes:
    return der.sequence(der.oid(oid), der.tlv(_SET, value))


def signing_time(at: datetime) -> bytes:
    """What the signer says of the time: a claim, not a proof (RFC 5652 §11.3)."""
    return attribute(_SIGNING_TIME, der.time(at))


def natural_hash(private_key: Any) -> str:
    """The hash that befits a key. RFC 8419 §3: Ed25519 comes with SHA-512."""
    found = drafting.hash_for(private_key)
    return found.name if found is not None else "sha512"


def bare(by: CmsSigner, digest: bytes, hash_name: str) -> bytes:
    """The bare signature over a digest: ECDSA as DER, or PKCS #1 v1.5."""
    prehashed = Prehashed(HASHES[hash_name])
    key = by.private_key
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(digest, ec.ECDSA(prehashed))
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(digest, padding.PKCS1v15(), prehashed)
    raise TypeError(f"{type(key).__name__} signs no digest that was made elsewhere")


def signed_data(
    by: CmsSigner,
    digest: bytes,
    hash_name: str,
    *,
    content_type: str = DATA,
    content: bytes | None = None,
    attributes: Sequence[bytes] = (),
    stamp: Callable[[bytes], bytes] | None = None,
    with_certificates: bool = True,
) -> bytes:
    """ContentInfo, DER: `by` signs what has this digest.

    `content` None leaves it out (detached). `attributes` are signed beside the usual ones. `stamp`
    gives a time-stamp token for the signature's value; it is kept beside the signature.
    """
    algorithm = _ALGORITHMS[hash_name]
    signing = _signature_algorithm(by.private_key, hash_name)
    protected = der.tlv(0xA1, signing[_head(signing) :])
    signed = _set_of(
        attribute(_CONTENT_TYPE, der.oid(content_type)),
        attribute(_MESSAGE_DIGEST, der.octets(digest)),
        attribute(_ALGORITHM_PROTECTION, der.sequence(algorithm, protected)),
        by.named,
        *attributes,
    )
    # §5.4: what is signed bears the tag of a SET, what is sent that of the field.
    signature = _sign(by.private_key, der.tlv(_SET, signed), hash_name)
    stamped = b""
    if stamp is not None:
        stamped = der.tlv(0xA1, attribute(SIGNATURE_TIME_STAMP, stamp(signature)))
    signer_info = der.sequence(
        der.integer(1),
        by.identifier,
        algorithm,
        der.tlv(0xA0, signed),
        signing,
        der.octets(signature),
        stamped,
    )
    inside = der.explicit(0, der.octets(content)) if content is not None else b""
    certificates = der.tlv(0xA0, _set_of(by.certificate, *by.chain)) if with_certificates else b""
    whole = der.sequence(
        der.integer(1 if content_type == DATA else 3),
        der.tlv(_SET, algorithm),
        der.sequence(der.oid(content_type), inside),
        certificates,
        der.tlv(_SET, signer_info),
    )
    return der.sequence(_SIGNED_DATA, der.explicit(0, whole))


def _set_of(*parts: bytes) -> bytes:
    """X.690 §11.6: in the order of their encodings."""
    return b"".join(sorted(parts))


def _signature_algorithm(private_key: Any, hash_name: str) -> bytes:
    if isinstance(private_key, ec.EllipticCurvePrivateKey):
        return _ECDSA[hash_name]
    if isinstance(private_key, rsa.RSAPrivateKey):
        return _RSA[hash_name]
    return drafting.signature_algorithm(private_key)


def _sign(private_key: Any, data: bytes, hash_name: str) -> bytes:
    if isinstance(private_key, ec.EllipticCurvePrivateKey):
        return private_key.sign(data, ec.ECDSA(HASHES[hash_name]))
    if isinstance(private_key, rsa.RSAPrivateKey):
        return private_key.sign(data, padding.PKCS1v15(), HASHES[hash_name])
    bare: bytes = private_key.sign(data)
    return bare


def _head(element: bytes) -> int:
    """How many octets tag and length have."""
    _, begin, _ = der.read(element)
    return begin


def _body_of(certificate: bytes) -> bytes:
    _, at, _, end = next(der.elements(certificate, *der.only(certificate, der.SEQUENCE)))
    return certificate[at:end]
