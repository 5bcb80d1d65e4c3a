"""From a record to a certificate: the same bytes every time it is built — RFC 5280 §4.1, §4.2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import asn1crypto.x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ObjectIdentifier

from pki import names
from pki.profile import KEY_USAGES, Profile


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything that decides the bytes to be signed, the issuer aside. Instants to the second."""

    serial: int
    profile: Profile
    subject: x509.Name
    public_key: Any
    alternative_names: Sequence[str]
    not_before: datetime
    not_after: datetime


def sign(draft: Draft, issuer: x509.Certificate | None, private_key: Any) -> x509.Certificate:
    """The certificate of `draft`. `issuer` None means that it signs itself."""
    profile = draft.profile
    key_identifier = x509.SubjectKeyIdentifier.from_public_key(draft.public_key)
    builder = (
        x509.CertificateBuilder()
        .serial_number(draft.serial)
        .issuer_name(issuer.subject if issuer is not None else draft.subject)
        .subject_name(draft.subject)
        .public_key(draft.public_key)
        .not_valid_before(draft.not_before)
        .not_valid_after(draft.not_after)
        .add_extension(_constraints(profile), critical=True)
        .add_extension(_key_usage(profile), critical=True)
        .add_extension(key_identifier, critical=False)
        .add_extension(_authority_key(issuer, key_identifier), critical=False)
    )
    if profile.extended_key_usage_oids:
        builder = builder.add_extension(_extended_key_usage(profile), critical=False)
    if draft.alternative_names:
        alternative = names.alternative_names(draft.alternative_names)
        builder = builder.add_extension(alternative, critical=False)
    return builder.sign(private_key, _hash_for(private_key))


def signed_anew(certificate: x509.Certificate, private_key: Any) -> bytes:
    """The same signed part under another signature of the same algorithm, DER (RFC 5280 §4.1)."""
    whole = asn1crypto.x509.Certificate.load(certificate.public_bytes(Encoding.DER))
    whole["signature_value"] = _signature(certificate.tbs_certificate_bytes, private_key)
    der: bytes = whole.dump()
    return der


def _signature(signed: bytes, private_key: Any) -> bytes:
    if isinstance(private_key, ec.EllipticCurvePrivateKey):
        return private_key.sign(signed, ec.ECDSA(hashes.SHA256()))
    if isinstance(private_key, rsa.RSAPrivateKey):
        return private_key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    signature: bytes = private_key.sign(signed)
    return signature


def _hash_for(private_key: Any) -> hashes.SHA256 | None:
    """SHA-256, but none where the key's own algorithm says it (Ed25519, ML-DSA)."""
    hashed = isinstance(private_key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey))
    return hashes.SHA256() if hashed else None


def _authority_key(
    issuer: x509.Certificate | None, own: x509.SubjectKeyIdentifier
) -> x509.AuthorityKeyIdentifier:
    return _key_of(issuer) if issuer is not None else _identified(own)


# What each profile and each authority says is said of every certificate: made once.


@lru_cache(maxsize=64)
def _key_of(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    return _identified(issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value)


def _identified(key: x509.SubjectKeyIdentifier) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key)


@lru_cache(maxsize=64)
def _constraints(profile: Profile) -> x509.BasicConstraints:
    return x509.BasicConstraints(profile.authority, profile.path_length)


@lru_cache(maxsize=64)
def _key_usage(profile: Profile) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage in profile.key_usage for usage in KEY_USAGES})


@lru_cache(maxsize=64)
def _extended_key_usage(profile: Profile) -> x509.ExtendedKeyUsage:
    return x509.ExtendedKeyUsage([ObjectIdentifier(o) for o in profile.extended_key_usage_oids])
