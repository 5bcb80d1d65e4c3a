"""Enrolment, whatever the protocol: who calls, may they, issue — RFC 7030 §4.2."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from foundation.errors import Problem
from pki import request
from pki.authority import CertificateAuthority
from pki.certificate import IssuedCertificate, ValidCertificate
from pki.issuance import Settled
from pki.ports import Caller, EnrolmentGate
from pki.refusals import EnrolmentUnauthorized, RequestRefused
from pki.request import CertificateRequest
from pki.server_certificate import ServerCertificate


class Pki:
    """The wing: the authority, and the gate that says who may enrol."""

    def __init__(self, authority: CertificateAuthority, gate: EnrolmentGate) -> None:
        self.authority = authority
        self.gate = gate
        self.clock = authority.clock

    def enrol(self, caller: Caller, body: bytes, now: datetime) -> IssuedCertificate:
        """A first certificate for a caller with a one-time token; `body` is a PKCS #10 request."""
        try:
            proposed = request.parse(body)
            admission = self.gate.admit(caller, proposed, now)
            return self.authority.issuance.issue(admission, proposed, self.gate, now)
        except Problem as refusal:
            raise self.gate.refused(caller, refusal, now) from refusal

    def renew(self, caller: Caller, body: bytes, now: datetime) -> IssuedCertificate:
        """A next certificate for the caller who holds the present one (RFC 7030 §4.2.2)."""
        try:
            proposed = request.parse(body)
            self._continues(caller.certificate, proposed)
            admission = self.gate.admit(caller, proposed, now)
            return self.authority.issuance.issue(admission, proposed, self.gate, now)
        except Problem as refusal:
            raise self.gate.refused(caller, refusal, now) from refusal

    def issue_server_certificate(
        self, hostnames: Sequence[str], *, now: datetime | None = None
    ) -> ServerCertificate:
        """A key and certificate for a TLS listener reached under `hostnames`."""
        return self.authority.issue_server_certificate(hostnames, now=now)

    def complete_or_void(self, now: datetime) -> Settled:
        """At start: settle what a crash left recorded and unsigned."""
        return self.authority.issuance.complete_or_void(self.gate, now)

    def _continues(self, old: ValidCertificate | None, proposed: CertificateRequest) -> None:
        """§4.2.2: a renewal is for the same names, and with the profile's consent the same key."""
        if old is None:
            raise EnrolmentUnauthorized(
                "certificate_missing",
                "A renewal is asked for with the certificate that is to be renewed.",
                "Connect by TLS with the present certificate; without one, use simpleenroll.",
            )
        if proposed.subject != old.subject:
            raise RequestRefused(
                "subject",
                "The subject differs from that of the certificate to be renewed.",
                "Repeat the subject of the present certificate exactly (RFC 7030 §4.2.2).",
            )
        # §4.2.2 wants the names repeated too; leaving them out asks for nothing else, so it may.
        if proposed.names and set(proposed.names) != set(old.names):
            raise RequestRefused(
                "subjectAltName",
                "The alternative names differ from those of the certificate to be renewed.",
                "Repeat them exactly, or leave the extension out.",
            )
        profile = self.authority.profiles[old.profile]
        if profile.renewal_key == "new" and proposed.public_key.digest == old.public_key:
            raise RequestRefused(
                "subjectPKInfo",
                "A renewal of this profile needs a new key.",
                "Make a new key, and sign the request with it.",
            )
