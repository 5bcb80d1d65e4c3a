"""Lint before anything is signed: what is written, read back, says what the draft and its profile
say — RFC 5280 §4.

It is read by `cryptography`, which did not write it, as a certificate without a signature; what
passes is signed byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from pki.issuing import drafting
from pki.issuing.lint import key_usages
from pki.profiles.profile import Profile
from pki.x509.names import written
from pki.x509.public_key import info_of, key_identifier


class DraftRefused(Exception):
    """We were about to sign something that the profile does not say: a defect of ours."""


def examine(draft: drafting.Draft, issuer: x509.Certificate, private_key: Any) -> bytes:
    """What `drafting.signed` makes a certificate of, after every check. Raises DraftRefused."""
    body = drafting.body(draft, issuer, private_key)
    by = _facts(issuer)
    try:
        wrong = _wrong_parts(drafting.parts(body), draft, by) or _wrong(
            drafting.unsigned(body), draft, by
        )
    except ValueError as error:
        raise DraftRefused(f"it cannot be read: {error}") from error
    if wrong is not None:
        raise DraftRefused(wrong)
    return body


@dataclass(frozen=True, slots=True)
class _Issuer:
    subject: bytes
    public_key: bytes
    key_identifier: x509.AuthorityKeyIdentifier
    not_after: datetime


@lru_cache(maxsize=64)
def _facts(issuer: x509.Certificate) -> _Issuer:
    return _Issuer(
        issuer.subject.public_bytes(),
        info_of(issuer.public_key()),
        drafting.key_of(issuer),
        issuer.not_valid_after_utc,
    )


def _wrong_parts(parts: drafting.Parts, draft: drafting.Draft, issuer: _Issuer) -> str | None:
    if parts.issuer != issuer.subject:
        return "the issuer's name differs"
    if parts.subject != draft.subject.public_bytes():
        return "the subject's name differs"
    if parts.public_key != draft.public_key:
        return "the key differs from that of the request"
    if parts.public_key == issuer.public_key:
        return "it carries the issuer's own key"
    return None


def _wrong(certificate: x509.Certificate, draft: drafting.Draft, issuer: _Issuer) -> str | None:
    extensions: dict[Any, Any] = {e.oid: e for e in certificate.extensions}
    named, bounded = bool(draft.alternative_names), bool(draft.permitted or draft.excluded)
    expected = _expected(draft.profile, named, bounded, draft.links is not None)
    if {oid: e.critical for oid, e in extensions.items()} != expected:
        return "extensions differ from the profile"
    profile = draft.profile
    constraints = extensions[ExtensionOID.BASIC_CONSTRAINTS].value
    if (constraints.ca, constraints.path_length) != (profile.authority, profile.path_length):
        return "basicConstraints differ from the profile"
    usage = extensions[ExtensionOID.KEY_USAGE].value
    if not isinstance(usage, x509.KeyUsage) or key_usages(usage) != profile.key_usage:
        return "keyUsage differs from the profile"
    if _oids(extensions, ExtensionOID.EXTENDED_KEY_USAGE) != profile.extended_key_usage_oids:
        return "extKeyUsage differs from the profile"
    if _oids(extensions, ExtensionOID.CERTIFICATE_POLICIES) != profile.policies:
        return "certificatePolicies differ from the profile"
    own = extensions[ExtensionOID.SUBJECT_KEY_IDENTIFIER].value.digest
    if own != key_identifier(draft.public_key):
        return "subjectKeyIdentifier is that of another key"
    if extensions[ExtensionOID.AUTHORITY_KEY_IDENTIFIER].value != issuer.key_identifier:
        return "authorityKeyIdentifier is that of another issuer"
    if draft.alternative_names:
        names = extensions[ExtensionOID.SUBJECT_ALTERNATIVE_NAME].value
        if [written(name) for name in names] != list(draft.alternative_names):
            return "subjectAltName differs from the admission"
    return _wrong_status(extensions, draft) or _wrong_frame(certificate, draft, issuer)


def _oids(extensions: Mapping[Any, Any], extension: x509.ObjectIdentifier) -> tuple[str, ...]:
    """What an extension names, in its order: purposes or policies; nothing where it is not."""
    found = extensions[extension].value if extension in extensions else ()
    return tuple(getattr(one, "policy_identifier", one).dotted_string for one in found)


@lru_cache(maxsize=64)
def _expected(
    profile: Profile, named: bool, bounded: bool, linked: bool
) -> Mapping[x509.ObjectIdentifier, bool]:
    """Which extensions the certificate must have, no more and no less, and how critical."""
    listed = profile.status in ("published", "listed")
    there = {
        ExtensionOID.BASIC_CONSTRAINTS: (True, True),
        ExtensionOID.KEY_USAGE: (True, True),
        ExtensionOID.SUBJECT_KEY_IDENTIFIER: (True, False),
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER: (True, False),
        ExtensionOID.EXTENDED_KEY_USAGE: (
            bool(profile.extended_key_usage),
            profile.extended_key_usage_critical,
        ),
        ExtensionOID.CERTIFICATE_POLICIES: (bool(profile.policies), False),
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME: (named, False),
        ExtensionOID.NAME_CONSTRAINTS: (bounded, True),
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS: (linked, False),
        ExtensionOID.CRL_DISTRIBUTION_POINTS: (linked and listed, False),
        ExtensionOID.OCSP_NO_CHECK: (profile.status == "responder", False),
        drafting.NO_REVOCATION_AVAILABLE: (profile.status == "short-lived", False),
    }
    return {oid: critical for oid, (stands, critical) in there.items() if stands}


def _wrong_status(extensions: Mapping[Any, Any], draft: drafting.Draft) -> str | None:
    """Whoever checks the certificate must find the list and the responder of its own issuer."""
    if draft.links is None:
        return None
    told = extensions[ExtensionOID.AUTHORITY_INFORMATION_ACCESS].value
    addresses = {d.access_location.value for d in told}
    points = extensions.get(ExtensionOID.CRL_DISTRIBUTION_POINTS)
    if points is not None:
        addresses |= {name.value for point in points.value for name in point.full_name}
    expected = {draft.links.issuer_certificate}
    if draft.profile.status in ("published", "listed"):
        expected.add(draft.links.revocation_list)
    if draft.profile.status == "published":
        expected.add(draft.links.responder)
    return None if addresses == expected else "the addresses of its status differ"


def _wrong_frame(
    certificate: x509.Certificate, draft: drafting.Draft, issuer: _Issuer
) -> str | None:
    serial = certificate.serial_number
    if serial.bit_length() > 159 or serial <= 0:
        return "the serial number is not a positive number of at most 159 bits"
    if serial != draft.serial:
        return "the serial number differs from the one on record"
    if certificate.not_valid_before_utc != draft.not_before:
        return "it begins at another instant"
    if certificate.not_valid_after_utc != draft.not_after:
        return "it ends at another instant"
    endless = draft.profile.lifetime is None
    if not endless and draft.not_after > issuer.not_after:
        return "it would outlive its issuer"
    return None
