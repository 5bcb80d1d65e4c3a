"""Is a client certificate ours, meant for this, and good now? — RFC 5280 §6.1, RFC 8705 §2.1.

TLS checks that the caller holds the key. Everything else is checked here, whoever checked it
before: a proxy's word is not enough, and Python's path verifier accepts a missing EKU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from foundation.database import Database
from pki import store
from pki.certificate import ValidCertificate
from pki.hierarchy import Authority, Hierarchy
from pki.names import attributes, written
from pki.profile import EXTENDED_KEY_USAGES, Profile
from pki.public_key import describe
from pki.refusals import CertificateRefused
from pki.thumbprint import x5t_s256

_ENROL = "Enrol the device by EST with a one-time token from the operator."
_CLIENT_AUTH = EXTENDED_KEY_USAGES["client_auth"]


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a certificate says that its time and our record cannot change."""

    authority: Authority
    thumbprint: str
    public_key: str
    subject: tuple[tuple[str, str], ...]
    names: tuple[str, ...]


class Validation:
    def __init__(
        self, database: Database, hierarchy: Hierarchy, profiles: Mapping[str, Profile]
    ) -> None:
        self._database = database
        self._hierarchy = hierarchy
        self._issuers = {
            p.issuer for p in profiles.values() if "client_auth" in p.extended_key_usage
        }
        # A device shows the same certificate for months, and what it says stays what it says.
        self._facts = lru_cache(maxsize=1024)(self._read)

    def validate_client(self, certificate: x509.Certificate, now: datetime) -> ValidCertificate:
        """The facts of a certificate that passes. Raises CertificateRefused with the reason."""
        facts = self._facts(certificate)
        _in_time(certificate, facts.authority, now)
        return self._on_record(certificate, facts)

    def _read(self, certificate: x509.Certificate) -> _Facts:
        try:
            authority = self._issuer(certificate)
            for check in _USE_CHECKS:
                check(certificate)
            return _Facts(
                authority,
                x5t_s256(certificate.public_bytes(Encoding.DER)),
                describe(certificate.public_key()).digest,
                attributes(certificate.subject),
                _names(certificate),
            )
        except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension,
                x509.UnsupportedGeneralNameType) as error:  # fmt: skip
            raise CertificateRefused(
                "malformed", "The client certificate cannot be read.", _ENROL, detail=str(error)
            ) from error

    def _issuer(self, certificate: x509.Certificate) -> Authority:
        for authority in self._hierarchy.all():
            if authority.name in self._issuers and (
                authority.certificate.subject == certificate.issuer
            ):
                try:
                    certificate.verify_directly_issued_by(authority.certificate)
                except InvalidSignature:
                    continue
                return authority
        raise CertificateRefused(
            "foreign_issuer", "The client certificate was not issued by this city.", _ENROL
        )

    def _on_record(self, certificate: x509.Certificate, facts: _Facts) -> ValidCertificate:
        with self._database.read() as uow:
            row = store.by_serial(uow, f"{certificate.serial_number:x}")
        if row is None or row.state != "issued" or row.thumbprint != facts.thumbprint:
            raise CertificateRefused(
                "unknown_serial", "The client certificate is not on our record.", _ENROL
            )
        if row.revoked_at is not None and row.revocation_reason == "certificateHold":
            raise CertificateRefused(
                "suspended",
                "The client certificate is suspended.",
                "Ask the operator to reactivate its holder; it is good again from then on.",
            )
        if row.revoked_at is not None:
            raise CertificateRefused(
                "revoked",
                f"The client certificate was revoked ({row.revocation_reason}).",
                "Use the device's newer certificate, or ask the operator for an enrolment token.",
            )
        return ValidCertificate(
            serial=row.serial,
            holder=row.holder,
            profile=row.profile,
            thumbprint=facts.thumbprint,
            public_key=facts.public_key,
            subject=facts.subject,
            names=facts.names,
            not_before=row.not_before,
            not_after=row.not_after,
        )


def _in_time(certificate: x509.Certificate, authority: Authority, now: datetime) -> None:
    if now < certificate.not_valid_before_utc:
        raise CertificateRefused(
            "not_yet_valid", "The client certificate is not valid yet.", "Set the device's clock."
        )
    if now > certificate.not_valid_after_utc:
        raise CertificateRefused(
            "expired",
            "The client certificate has expired.",
            "Ask the operator for a new enrolment token; an expired certificate cannot renew.",
        )
    if not authority.covers(now):
        raise CertificateRefused(
            "issuer_expired", "The authority of the client certificate has expired.", _ENROL
        )


def _no_authority(certificate: x509.Certificate) -> None:
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return
    if found.value.ca:
        raise CertificateRefused(
            "is_an_authority", "An authority's certificate is not a client's.", _ENROL
        )


def _signs(certificate: x509.Certificate) -> None:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        usage = None
    if usage is None or not usage.digital_signature or usage.key_cert_sign:
        raise CertificateRefused(
            "wrong_key_usage", "The client certificate is not meant for signing.", _ENROL
        )


def _for_clients(certificate: x509.Certificate) -> None:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        usage = None
    if usage is None or _CLIENT_AUTH not in {oid.dotted_string for oid in usage}:
        raise CertificateRefused(
            "wrong_extended_key_usage",
            "The client certificate is not meant for TLS clients (clientAuth).",
            _ENROL,
        )


_USE_CHECKS: tuple[Callable[[x509.Certificate], None], ...] = (_no_authority, _signs, _for_clients)


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(written(name) for name in found.value)
