"""The certification authority of a deployment, as the rest of the house uses it — RFC 5280."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from foundation.database import UnitOfWork
from foundation.ground import Ground
from foundation.settings import Jurisdiction
from pki import hierarchy, profiles, server_certificate
from pki.certificate import ValidCertificate
from pki.hierarchy import Hierarchy
from pki.issuance import Issuance
from pki.revocation import Revocation
from pki.server_certificate import Console, ServerCertificate
from pki.settings import PkiSettings
from pki.validation import Validation


class CertificateAuthority:
    """Issues, validates and revokes. Who may enrol is asked elsewhere: see `Enrolment`."""

    def __init__(self, ground: Ground) -> None:
        self.clock = ground.clock
        self.profiles = profiles.load()
        self.hierarchy = Hierarchy(ground.database, ground.keys)
        self.issuance = Issuance(ground.database, ground.audit, self.hierarchy, self.profiles)
        self._console = Console(ground.audit)
        self._validation = Validation(ground.database, self.hierarchy, self.profiles)
        self._revocation = Revocation(
            ground.database,
            ground.audit,
            self.hierarchy,
            timedelta(hours=ground.settings.of(PkiSettings).crl_hours),
        )

    def validate_client(self, certificate: x509.Certificate, now: datetime) -> ValidCertificate:
        """The facts of a client certificate of ours. Raises CertificateRefused with the reason."""
        return self._validation.validate_client(certificate, now)

    def revoke(self, uow: UnitOfWork, serial: str, reason: str, now: datetime) -> bool:
        """Revoke inside the caller's unit of work; whether it was this call that did."""
        return self._revocation.revoke(uow, serial, reason, now)

    def crl(self, authority: str, now: datetime) -> bytes:
        """The revocation list of "root", "devices" or "services", DER. Raises NotFound."""
        return self._revocation.crl(authority, now)

    def issue_server_certificate(
        self, hostnames: Sequence[str], *, now: datetime | None = None
    ) -> ServerCertificate:
        """A key and certificate for a TLS listener reached under `hostnames`."""
        issuer, _ = self.hierarchy.signing("services")
        below_the_root = self.hierarchy.chain(issuer)[:-1]
        moment = now or self.clock.now()
        return server_certificate.issue(
            self.issuance, self._console, below_the_root, hostnames, moment
        )

    def authorities(self) -> tuple[x509.Certificate, ...]:
        """Every authority's certificate, the roots first."""
        found = sorted(self.hierarchy.all(), key=lambda a: a.name != hierarchy.ROOT)
        return tuple(authority.certificate for authority in found)

    def trust_anchors(self) -> bytes:
        """PEM of the roots and the issuing authorities: what a TLS context loads."""
        return b"".join(c.public_bytes(Encoding.PEM) for c in self.authorities())


def prepare(ground: Ground) -> None:
    """Make the missing keys and certificates of the authorities; idempotent."""
    hierarchy.establish(
        ground.database,
        ground.keys,
        profiles.load(),
        ground.settings.of(Jurisdiction),
        ground.settings.of(PkiSettings).key_algorithm,
        ground.clock.now(),
    )
