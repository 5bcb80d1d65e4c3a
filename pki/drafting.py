"""From a record to a certificate: the same bytes every time it is built — RFC 5280 §4.1, §4.2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
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
        .add_extension(x509.BasicConstraints(profile.authority, profile.path_length), critical=True)
        .add_extension(_key_usage(profile), critical=True)
        .add_extension(key_identifier, critical=False)
        .add_extension(_authority_key(issuer, key_identifier), critical=False)
    )
    if profile.extended_key_usage_oids:
        oids = [ObjectIdentifier(oid) for oid in profile.extended_key_usage_oids]
        builder = builder.add_extension(x509.ExtendedKeyUsage(oids), critical=False)
    if draft.alternative_names:
        alternative = names.alternative_names(draft.alternative_names)
        builder = builder.add_extension(alternative, critical=False)
    return builder.sign(private_key, _hash_for(private_key))


def _hash_for(private_key: Any) -> hashes.SHA256 | None:
    """SHA-256, but none where the key's own algorithm says it (Ed25519, ML-DSA)."""
    hashed = isinstance(private_key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey))
    return hashes.SHA256() if hashed else None


def _authority_key(
    issuer: x509.Certificate | None, own: x509.SubjectKeyIdentifier
) -> x509.AuthorityKeyIdentifier:
    if issuer is not None:
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _key_usage(profile: Profile) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage in profile.key_usage for usage in KEY_USAGES})
