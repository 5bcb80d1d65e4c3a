"""From a record to a certificate: the same bytes every time it is built — RFC 5280 §4.1, §4.2."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ObjectIdentifier

from pki import der, names
from pki.profile import KEY_USAGES, Profile
from pki.status_links import StatusLinks

NO_WELL_DEFINED_END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""RFC 5280 §4.1.2.5; IEEE 802.1AR §8 wants it for a maker's identity."""
NO_REVOCATION_AVAILABLE = ObjectIdentifier("2.5.29.56")
_NULL = b"\x05\x00"


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything that decides the bytes to be signed, the issuer aside. Instants to the second.

    `permitted` and `excluded` bound the names that an authority may certify, as `KIND:value`.
    """

    serial: int
    profile: Profile
    subject: x509.Name
    public_key: Any
    alternative_names: Sequence[str]
    not_before: datetime
    not_after: datetime
    links: StatusLinks | None = None
    permitted: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


def sign(draft: Draft, issuer: x509.Certificate | None, private_key: Any) -> x509.Certificate:
    """The certificate of `draft`. `issuer` None means that it signs itself."""
    key_identifier = x509.SubjectKeyIdentifier.from_public_key(draft.public_key)
    builder = (
        x509.CertificateBuilder()
        .serial_number(draft.serial)
        .issuer_name(issuer.subject if issuer is not None else draft.subject)
        .subject_name(draft.subject)
        .public_key(draft.public_key)
        .not_valid_before(draft.not_before)
        .not_valid_after(draft.not_after)
        .add_extension(key_identifier, critical=False)
        .add_extension(_authority_key(issuer, key_identifier), critical=False)
    )
    for extension, critical in _said_by_profile(draft.profile):
        builder = builder.add_extension(extension, critical)
    for extension, critical in _said_by_draft(draft):
        builder = builder.add_extension(extension, critical)
    return builder.sign(private_key, hash_for(private_key))


def signed_anew(certificate: x509.Certificate, private_key: Any) -> bytes:
    """The same signed part under another signature of the same algorithm, DER (RFC 5280 §4.1)."""
    signed, whole = certificate.tbs_certificate_bytes, certificate.public_bytes(Encoding.DER)
    begin, _ = der.only(whole, der.SEQUENCE)
    algorithm = begin + len(signed)
    _, _, end = der.read(whole, algorithm)
    return der.sequence(signed, whole[algorithm:end], der.bits(signature(signed, private_key)))


def signature(signed: bytes, private_key: Any) -> bytes:
    """As X.509 carries it: DER for ECDSA, PKCS #1 v1.5 for RSA, bare for Ed25519 and ML-DSA."""
    hashed = hash_for(private_key)
    if isinstance(private_key, ec.EllipticCurvePrivateKey) and hashed is not None:
        return private_key.sign(signed, ec.ECDSA(hashed))
    if isinstance(private_key, rsa.RSAPrivateKey) and hashed is not None:
        return private_key.sign(signed, padding.PKCS1v15(), hashed)
    bare: bytes = private_key.sign(signed)
    return bare


def hash_for(private_key: Any) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    """As strong as the key, and none where the algorithm brings its own (Ed25519, ML-DSA)."""
    if isinstance(private_key, ec.EllipticCurvePrivateKey):
        size = private_key.curve.key_size
        if size <= 256:
            return hashes.SHA256()
        return hashes.SHA384() if size <= 384 else hashes.SHA512()
    return hashes.SHA256() if isinstance(private_key, rsa.RSAPrivateKey) else None


def _authority_key(
    issuer: x509.Certificate | None, own: x509.SubjectKeyIdentifier
) -> x509.AuthorityKeyIdentifier:
    return key_of(issuer) if issuer is not None else _identified(own)


# What each profile and each authority says is said of every certificate: made once.


@lru_cache(maxsize=64)
def key_of(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """RFC 5280 §4.2.1.1: what those whom `issuer` certifies say of its key."""
    return _identified(issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value)


def _identified(key: x509.SubjectKeyIdentifier) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key)


Said = tuple[tuple[x509.ExtensionType, bool], ...]


@lru_cache(maxsize=64)
def _said_by_profile(profile: Profile) -> Said:
    """The extensions, each with its criticality, that are the same for all of one kind."""
    usage = x509.KeyUsage(**{usage: usage in profile.key_usage for usage in KEY_USAGES})
    said: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(profile.authority, profile.path_length), True),
        (usage, True),
    ]
    if profile.extended_key_usage:
        oids = [ObjectIdentifier(oid) for oid in profile.extended_key_usage_oids]
        said.append((x509.ExtendedKeyUsage(oids), False))
    if profile.policies:
        policies = [x509.PolicyInformation(ObjectIdentifier(p), None) for p in profile.policies]
        said.append((x509.CertificatePolicies(policies), False))
    if profile.status == "responder":
        said.append((x509.OCSPNoCheck(), False))
    if profile.status == "short-lived":
        said.append((x509.UnrecognizedExtension(NO_REVOCATION_AVAILABLE, _NULL), False))
    return tuple(said)


def _said_by_draft(draft: Draft) -> Said:
    said: list[tuple[x509.ExtensionType, bool]] = []
    if draft.alternative_names:
        said.append((names.alternative_names(draft.alternative_names), False))
    if draft.permitted or draft.excluded:
        said.append((_constraints(draft), True))
    if draft.links is not None:
        said += _said_of_status(draft.profile.status, draft.links)
    return tuple(said)


@lru_cache(maxsize=4096)
def _said_of_status(status: str, links: StatusLinks) -> Said:
    """The same for all of one profile, authority and partition."""
    described = [_described(AuthorityInformationAccessOID.CA_ISSUERS, links.issuer_certificate)]
    if status == "published":
        described.insert(0, _described(AuthorityInformationAccessOID.OCSP, links.responder))
    said: Said = ((x509.AuthorityInformationAccess(described), False),)
    if status in ("published", "listed"):
        address = x509.UniformResourceIdentifier(links.revocation_list)
        point = x509.DistributionPoint([address], None, None, None)
        said += ((x509.CRLDistributionPoints([point]), False),)
    return said


def _described(method: ObjectIdentifier, address: str) -> x509.AccessDescription:
    return x509.AccessDescription(method, x509.UniformResourceIdentifier(address))


def _constraints(draft: Draft) -> x509.NameConstraints:
    permitted = [_subtree(name) for name in draft.permitted]
    excluded = [_subtree(name) for name in draft.excluded]
    return x509.NameConstraints(permitted or None, excluded or None)


def _subtree(name: str) -> x509.GeneralName:
    kind, _, value = name.partition(":")
    if kind == "IP":
        return x509.IPAddress(ipaddress.ip_network(value))
    return x509.DNSName(value) if kind == "DNS" else x509.UniformResourceIdentifier(value)
