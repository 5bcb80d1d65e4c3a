"""Is a client certificate ours, meant for this, and good now? — RFC 5280 §6.1, RFC 8705 §2.1.

TLS checks that the caller holds the key. Everything else is checked here, whoever checked it
before: a proxy's word is not enough. The path is validated once for a certificate; its time, its
record and the standing of the authorities are looked at each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from foundation import event_loop
from foundation.database import Database
from pki import path
from pki.hierarchy.hierarchy import Hierarchy
from pki.path import standing
from pki.profiles.profile import EXTENDED_KEY_USAGES, Profile
from pki.refusals import CertificateRefused
from pki.status.store import HOLD
from pki.x509.certificate import ValidCertificate
from pki.x509.names import attributes, written
from pki.x509.public_key import describe
from pki.x509.thumbprint import x5t_s256

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pki.path.trust import Trust

_ENROL = "Enrol the device by EST with a one-time token from the operator."
AS_CLIENT = path.Rules(
    extended_key_usage=EXTENDED_KEY_USAGES["client_auth"],
    key_usage="digital_signature",
    revocation="elsewhere",  # our own record knows within the second
)
_MOST_SEEN = 4096
_REFUSED: Mapping[str, tuple[str, str]] = {
    "foreign_issuer": ("The client certificate was not issued by this city.", _ENROL),
    "malformed": ("The client certificate cannot be read.", _ENROL),
    "expired": (
        "The client certificate has expired.",
        "Renew it by EST simplereenroll while its grace lasts; later, ask for an enrolment token.",
    ),
    "not_yet_valid": (
        "The client certificate is not valid yet: a clock was ahead when it was made.",
        "Renew it by EST simplereenroll.",
    ),
    "issuer_expired": ("The authority of the client certificate has expired.", _ENROL),
    "is_an_authority": ("An authority's certificate is not a client's.", _ENROL),
    "wrong_key_usage": ("The client certificate is not meant for signing.", _ENROL),
    "wrong_extended_key_usage": (
        "The client certificate is not meant for TLS clients (clientAuth).",
        _ENROL,
    ),
    "unknown_serial": ("The client certificate is not on our record.", _ENROL),
}
# What the path says, in the words of this interface.
_FOREIGN = frozenset({"no_path", "signature"})


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a certificate says that our record cannot change; `holds_from` and `holds_until` are the
    time within which its whole path is valid."""

    thumbprint: str
    public_key: str
    subject: tuple[tuple[str, str], ...]
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    holds_from: datetime
    holds_until: datetime


@dataclass(slots=True)
class _Known:
    """The hierarchy as it stood at one mark, and the certificates that were good under it."""

    mark: standing.Mark
    trust: Trust
    issuers: frozenset[x509.Name]
    seen: dict[x509.Certificate, _Facts] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def recall(self, certificate: x509.Certificate) -> _Facts | None:
        with self.lock:
            facts = self.seen.pop(certificate, None)
            if facts is not None:
                self.seen[certificate] = facts  # the newest stands last
        return facts

    def keep(self, certificate: x509.Certificate, facts: _Facts) -> None:
        with self.lock:
            self.seen[certificate] = facts
            if len(self.seen) > _MOST_SEEN:
                del self.seen[next(iter(self.seen))]


class Validation:
    def __init__(
        self, database: Database, hierarchy: Hierarchy, profiles: Mapping[str, Profile]
    ) -> None:
        self._database = database
        self._hierarchy = hierarchy
        clients = [p for p in profiles.values() if "client_auth" in p.extended_key_usage]
        self._issuers = {p.issuer for p in clients}
        self._profiles = {p.name for p in clients}
        self._known: _Known | None = None
        self._reading = event_loop.Lock()

    def validate_client(self, certificate: x509.Certificate, now: datetime) -> ValidCertificate:
        """The facts of a certificate that passes. Raises CertificateRefused with the reason."""
        with self._database.read() as uow:
            found = standing.of(uow, f"{certificate.serial_number:x}")
        known = self._under(found.mark)
        facts = known.recall(certificate)
        if facts is None or not facts.holds_from <= now <= facts.holds_until:
            facts = self._read(certificate, known, now)
            known.keep(certificate, facts)
        return self._on_record(found, facts)

    def validate_out_of_time(
        self, certificate: x509.Certificate, now: datetime
    ) -> ValidCertificate:
        """The facts of one that has expired, or that a clock made which was ahead, for its exchange
        and nothing else: it is good in the second of its time that is nearest, and nothing happened
        to it on our record. Raises CertificateRefused.
        """
        with self._database.read() as uow:
            found = standing.of(uow, f"{certificate.serial_number:x}")
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        nearest = max(begins, min(ends, now))
        return self._on_record(found, self._read(certificate, self._under(found.mark), nearest))

    def _under(self, mark: standing.Mark) -> _Known:
        """What is known of the hierarchy; read again when it became another one."""
        known = self._known
        if known is not None and known.mark == mark:
            return known
        with self._reading:
            if self._known is None or self._known.mark != mark:
                self._known = self._know(mark)
            return self._known

    def _know(self, mark: standing.Mark) -> _Known:
        self._hierarchy.read_again()
        with self._database.read() as uow:
            revoked = standing.revoked_authorities(uow)
        every = self._hierarchy.all()
        between = [a.certificate for a in every if not a.is_root]
        between += self._hierarchy.cross_certificates()
        return _Known(
            mark,
            path.trust_in(
                [_der(a.certificate) for a in every if a.is_root],
                [_der(c) for c in between if f"{c.serial_number:x}" not in revoked],
            ),
            frozenset(a.certificate.subject for a in every if a.name in self._issuers),
        )

    def _read(self, certificate: x509.Certificate, known: _Known, now: datetime) -> _Facts:
        der = _der(certificate)
        with _readable():
            # A maker's identity of a device ends here: its authority certifies no clients.
            if certificate.issuer not in known.issuers:
                raise _refusal("foreign_issuer")
            if now < certificate.not_valid_before_utc:
                raise _refusal("not_yet_valid")
            if now > certificate.not_valid_after_utc:
                raise _refusal("expired")
            try:
                valid = known.trust.validate(der, AS_CLIENT, now)
            except path.PathRefused as refusal:
                reason = "foreign_issuer" if refusal.reason in _FOREIGN else refusal.reason
                raise _refusal(reason, refusal.text) from refusal
            return _Facts(
                x5t_s256(der),
                describe(certificate.public_key()).digest,
                attributes(certificate.subject),
                _names(certificate),
                certificate.not_valid_before_utc,
                certificate.not_valid_after_utc,
                valid.not_before,
                valid.not_after,
            )

    def _on_record(self, found: standing.Standing, facts: _Facts) -> ValidCertificate:
        row = found.row
        if row is None or row.state != "issued" or row.thumbprint != facts.thumbprint:
            raise _refusal("unknown_serial")
        if row.revoked_at is not None and row.revocation_reason == HOLD:
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
        if row.profile not in self._profiles:
            raise _refusal("wrong_profile", row.profile)
        return ValidCertificate(
            serial=row.serial,
            holder=row.holder,
            profile=row.profile,
            thumbprint=facts.thumbprint,
            public_key=facts.public_key,
            subject=facts.subject,
            names=facts.names,
            not_before=facts.not_before,
            not_after=facts.not_after,
        )


def _refusal(reason: str, detail: Any = None) -> CertificateRefused:
    words = (f"The client certificate does not lead to a root of this city ({reason}).", _ENROL)
    description, next_step = _REFUSED.get(reason, words)
    return CertificateRefused(reason, description, next_step, detail=detail)


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension,
            x509.UnsupportedGeneralNameType) as error:  # fmt: skip
        raise _refusal("malformed", str(error)) from error


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(written(name) for name in found.value)
