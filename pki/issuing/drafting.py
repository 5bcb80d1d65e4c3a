"""From a draft to a certificate: the same bytes every time they are written — RFC 5280 §4.1, §4.2.

What is signed is written once, as DER: of a profile, an authority and a place of its status the
pieces are there already. The bytes are those that `cryptography` would make for the same draft.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ObjectIdentifier

from foundation.algorithms import ML_DSA
from pki.issuing.status_links import StatusLinks
from pki.profiles.profile import KEY_USAGES, Profile
from pki.x509 import der, names
from pki.x509.der import Element, NotDer
from pki.x509.public_key import key_identifier

NO_WELL_DEFINED_END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""RFC 5280 §4.1.2.5; IEEE 802.1AR §8 wants it for a maker's identity."""
NO_REVOCATION_AVAILABLE = ObjectIdentifier("2.5.29.56")
_NULL = b"\x05\x00"
_VERSION_3 = der.explicit(0, der.integer(2))
_NO_SIGNATURE = der.bits(b"")
_NOWHERE: Element = (0, 0, 0, 0)
_SUBJECT_KEY = der.oid("2.5.29.14")
_ECDSA = {
    name: der.sequence(der.oid(f"1.2.840.10045.4.3.{number}"))
    for name, number in (("sha256", 2), ("sha384", 3), ("sha512", 4))
}
_RSA = der.sequence(der.oid("1.2.840.113549.1.1.11"), _NULL)
_ED25519 = der.sequence(der.oid("1.3.101.112"))
_ML_DSA = {
    name: der.sequence(der.oid(f"2.16.840.1.101.3.4.3.{number}"))
    for name, number in (("ML-DSA-44", 17), ("ML-DSA-65", 18), ("ML-DSA-87", 19))
}


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything that decides the bytes to be signed, the issuer aside. Instants to the second.

    `public_key` is a SubjectPublicKeyInfo, DER. `permitted` and `excluded` bound the names that an
    authority may certify, as `KIND:value`.
    """

    serial: int
    profile: Profile
    subject: x509.Name
    public_key: bytes
    alternative_names: Sequence[str]
    not_before: datetime
    not_after: datetime
    links: StatusLinks | None = None
    permitted: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


def body(draft: Draft, issuer: x509.Certificate | None, private_key: Any) -> bytes:
    """What is signed of the certificate of `draft`, the TBSCertificate, DER (RFC 5280 §4.1).

    `issuer` None means that it signs itself; `private_key` is the one that will sign.
    """
    own = key_identifier(draft.public_key)
    subject = draft.subject.public_bytes()
    return der.sequence(
        _VERSION_3,
        der.integer(draft.serial),
        signature_algorithm(private_key),
        subject if issuer is None else said_by(issuer).name,
        der.sequence(der.time(draft.not_before), der.time(draft.not_after)),
        subject,
        draft.public_key,
        der.explicit(3, der.sequence(_own_key(own), *_said(draft, issuer, own))),
    )


def signed(body: bytes, private_key: Any) -> bytes:
    """The certificate, DER: these very bytes under a signature."""
    return der.sequence(body, algorithm_in(body), der.bits(signature(body, private_key)))


def unsigned(body: bytes) -> x509.Certificate:
    """As a certificate of nobody, to be read: it bears no signature. Raises ValueError."""
    return x509.load_der_x509_certificate(der.sequence(body, algorithm_in(body), _NO_SIGNATURE))


def read(body: bytes, profile: Profile, links: StatusLinks | None) -> Draft:
    """The draft of which a body was written, under this profile. Raises ValueError for none.

    Whether the profile writes the same today is to be seen: `body` tells.
    """
    said = unsigned(body)
    named: Sequence[str] = ()
    with suppress(x509.ExtensionNotFound):
        found = said.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        named = [names.written(name) for name in found.value]
    return Draft(
        serial=said.serial_number,
        profile=profile,
        subject=names.subject(names.common_name(said.subject), profile.subject),
        public_key=parts(body).public_key,
        alternative_names=named,
        not_before=said.not_valid_before_utc,
        not_after=said.not_valid_after_utc,
        links=links,
    )


def sign(draft: Draft, issuer: x509.Certificate | None, private_key: Any) -> x509.Certificate:
    """The certificate of `draft`, at once."""
    return x509.load_der_x509_certificate(signed(body(draft, issuer, private_key), private_key))


def algorithm_in(body: bytes) -> bytes:
    """The AlgorithmIdentifier that stands in a TBSCertificate, and once more behind it."""
    _, at, _, end = next(islice(_elements(body), 2, None), _NOWHERE)
    return body[at:end]


@dataclass(frozen=True, slots=True)
class Parts:
    """Of a TBSCertificate who certifies whom, for which key: as the DER that stands there."""

    issuer: bytes
    subject: bytes
    public_key: bytes


def parts(body: bytes) -> Parts:
    """Raises NotDer."""
    found = list(_elements(body))
    if len(found) != 8:  # version 3, and no unique identifiers (§4.1.2.8)
        raise NotDer("the body of a certificate has other parts")
    _, _, _, issuer, _, subject, key, _ = (body[at:end] for _, at, _, end in found)
    return Parts(issuer, subject, key)


def _elements(body: bytes) -> Iterator[Element]:
    return der.elements(body, *der.only(body, der.SEQUENCE))


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


def signature_algorithm(private_key: Any) -> bytes:
    """The AlgorithmIdentifier of what `signature` makes — RFC 5758, 8410, 9881."""
    hashed = hash_for(private_key)
    if isinstance(private_key, ec.EllipticCurvePrivateKey) and hashed is not None:
        return _ECDSA[hashed.name]
    if isinstance(private_key, rsa.RSAPrivateKey):
        return _RSA
    if isinstance(private_key, ed25519.Ed25519PrivateKey):
        return _ED25519
    for name, (private, _) in ML_DSA.items():
        if isinstance(private_key, private):
            return _ML_DSA[name]
    raise TypeError(f"nothing is signed with {type(private_key).__name__}")


def key_of(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """RFC 5280 §4.2.1.1: what those whom `issuer` certifies say of its key."""
    own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _said(draft: Draft, issuer: x509.Certificate | None, own: bytes) -> Iterator[bytes]:
    """The extensions, but for the first one."""
    if issuer is not None:
        yield said_by(issuer).key
    else:
        yield _written(x509.AuthorityKeyIdentifier(own, None, None), False)
    yield _said_by_profile(draft.profile)
    if draft.alternative_names:
        yield _written(names.alternative_names(draft.alternative_names), False)
    if draft.permitted or draft.excluded:
        yield _written(_constraints(draft), True)
    if draft.links is not None:
        yield _said_of_status(draft.profile.status, draft.links)


def _written(extension: x509.ExtensionType, critical: bool) -> bytes:
    return der.extension(extension.oid.dotted_string, extension.public_bytes(), critical)


def _own_key(own: bytes) -> bytes:
    return der.sequence(_SUBJECT_KEY, der.octets(der.octets(own)))


# What each profile and each authority says is said of every certificate: written once.


@dataclass(frozen=True, slots=True)
class SaidByIssuer:
    """The name, and the extension that tells its key, DER."""

    name: bytes
    key: bytes


@lru_cache(maxsize=64)
def said_by(issuer: x509.Certificate) -> SaidByIssuer:
    return SaidByIssuer(issuer.subject.public_bytes(), _written(key_of(issuer), False))


@lru_cache(maxsize=64)
def _said_by_profile(profile: Profile) -> bytes:
    """The extensions that are the same for all of one kind."""
    usage = x509.KeyUsage(**{usage: usage in profile.key_usage for usage in KEY_USAGES})
    said = _written(x509.BasicConstraints(profile.authority, profile.path_length), True)
    said += _written(usage, True)
    if profile.extended_key_usage:
        oids = [ObjectIdentifier(oid) for oid in profile.extended_key_usage_oids]
        said += _written(x509.ExtendedKeyUsage(oids), profile.extended_key_usage_critical)
    if profile.policies:
        policies = [x509.PolicyInformation(ObjectIdentifier(p), None) for p in profile.policies]
        said += _written(x509.CertificatePolicies(policies), False)
    if profile.status == "responder":
        said += _written(x509.OCSPNoCheck(), False)
    if profile.status == "short-lived":
        said += der.extension(NO_REVOCATION_AVAILABLE.dotted_string, _NULL)
    return said


@lru_cache(maxsize=4096)
def _said_of_status(status: str, links: StatusLinks) -> bytes:
    """The same for all of one profile, authority and partition."""
    described = [_described(AuthorityInformationAccessOID.CA_ISSUERS, links.issuer_certificate)]
    if status == "published":
        described.insert(0, _described(AuthorityInformationAccessOID.OCSP, links.responder))
    said = _written(x509.AuthorityInformationAccess(described), False)
    if status in ("published", "listed"):
        address = x509.UniformResourceIdentifier(links.revocation_list)
        point = x509.DistributionPoint([address], None, None, None)
        said += _written(x509.CRLDistributionPoints([point]), False)
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
