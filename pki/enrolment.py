"""Enrolment, whatever the protocol: who calls, may they, issue — RFC 7030 §4.2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from cryptography.x509.oid import ExtensionOID

from foundation.errors import Problem, Unavailable
from pki.authority import CertificateAuthority
from pki.issuing import key_making, lint
from pki.issuing.issuance import Settled
from pki.issuing.key_making import MadeKey
from pki.issuing.server_certificate import ServerCertificate
from pki.linking import NO_LINKING, Linking
from pki.ports import Admission, Caller, EnrolmentGate
from pki.refusals import (
    EnrolmentRefused,
    EnrolmentUnauthorized,
    EnrolmentWaits,
    RequestRefused,
)
from pki.requests import request
from pki.requests.request import CertificateRequest
from pki.x509.certificate import IssuedCertificate, ValidCertificate

# What the issuer says of itself in a certificate: clients that build their next request from the
# present certificate (cisco libest) repeat it, and it asks for nothing.
_THE_ISSUERS = frozenset(
    oid.dotted_string
    for oid in (
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.FRESHEST_CRL,
    )
)


class Pki:
    """The package: the authority, and the gate that says who may enrol."""

    def __init__(
        self, authority: CertificateAuthority, gate: EnrolmentGate, linking: Linking = NO_LINKING
    ) -> None:
        self.authority = authority
        self.gate = gate
        self.clock = authority.clock
        self.linking = linking

    def enrol(
        self, caller: Caller, body: bytes, now: datetime, asked: str | None = None
    ) -> IssuedCertificate:
        """A first certificate for a caller with a one-time token; `body` is a PKCS #10 request.

        `asked` names a profile (RFC 7030 §3.2.2). One beside that of the caller's own certificate
        is asked for with that certificate (§3.3.2). Raises EnrolmentWaits, and RequestRefused,
        EnrolmentRefused or EnrolmentUnauthorized.
        """
        with self._noted(caller, now):
            return self._enrol(caller, request.parse(body), asked, now)

    def renew(
        self, caller: Caller, body: bytes, now: datetime, asked: str | None = None
    ) -> IssuedCertificate:
        """A next certificate for the caller who holds the present one (RFC 7030 §4.2.2)."""
        with self._noted(caller, now):
            return self._renew(caller, request.parse(body), asked, now)

    def enrol_with_key(
        self, caller: Caller, body: bytes, now: datetime, asked: str | None = None
    ) -> tuple[IssuedCertificate, MadeKey]:
        """As `enrol`, or with a certificate as `renew`, for a key that is made here (§4.4).

        The key is in the answer and nowhere else. The gate says whether the profile allows it.
        """
        with self._noted(caller, now):
            key = key_making.make()
            proposed = request.parse(body, key.public)
            renews = caller.secret is None and caller.certificate is not None
            issued = (self._renew if renews else self._enrol)(caller, proposed, asked, now)
            return issued, key

    def expected(self, caller: Caller, asked: str | None, now: datetime) -> Admission | None:
        """For whom, and for what, this caller would enrol; None for one without a name."""
        with self._noted(caller, now):
            return self.gate.expected(caller, asked, now)

    @contextmanager
    def _noted(self, caller: Caller, now: datetime) -> Iterator[None]:
        """Whoever is refused is known to the gate, which may slow him down."""
        try:
            yield
        except (EnrolmentWaits, Unavailable):
            raise  # nobody's fault who asks
        except Problem as refusal:
            raise self.gate.refused(caller, refusal, now) from refusal

    def _enrol(
        self, caller: Caller, proposed: CertificateRequest, asked: str | None, now: datetime
    ) -> IssuedCertificate:
        held = caller.certificate
        if caller.secret is None and held is not None and asked in (None, held.profile):
            raise EnrolmentUnauthorized(
                "token_missing",
                "A first enrolment needs the device's id and its one-time token.",
                "Send them by HTTP Basic; to renew the certificate that you connected with, use "
                "simplereenroll.",
            )
        return self._issue(caller, proposed, asked, now)

    def _renew(
        self, caller: Caller, proposed: CertificateRequest, asked: str | None, now: datetime
    ) -> IssuedCertificate:
        old = self._continues(caller.certificate, proposed)
        if asked not in (None, old.profile):
            raise EnrolmentRefused(
                "label_not_allowed",
                f"The certificate that you connected with is of the kind {old.profile}, not "
                f"{asked}, and is renewed as such.",
                "Renew it without a label; a first certificate of another kind comes by "
                "simpleenroll.",
            )
        extensions = {o: e for o, e in proposed.extensions.items() if o not in _THE_ISSUERS}
        proposed = replace(proposed, extensions=extensions)
        # Never by a token that came along: a renewal rests on the certificate.
        return self._issue(replace(caller, secret=None), proposed, old.profile, now)

    def _issue(
        self, caller: Caller, proposed: CertificateRequest, asked: str | None, now: datetime
    ) -> IssuedCertificate:
        proposed = self.linking.check(proposed, caller)
        admission = self.gate.admit(caller, proposed, asked, now)
        profile = self.authority.profiles[admission.profile]
        if proposed.made_for is not None and not profile.keys_made_here:
            raise key_making.not_offered(profile.name)
        if admission.wait_seconds:
            # What would be refused afterwards is refused now, and no operator asked in vain.
            lint.check(proposed, profile, admission)
            raise EnrolmentWaits(admission.wait_seconds)
        return self.authority.issuance.issue(admission, proposed, self.gate, now)

    def issue_server_certificate(
        self, hostnames: Sequence[str], *, now: datetime | None = None
    ) -> ServerCertificate:
        """A key and certificate for a TLS listener reached under `hostnames`."""
        return self.authority.issue_server_certificate(hostnames, now=now)

    def complete_or_void(self, now: datetime) -> Settled:
        """At start: settle what a crash left recorded and unsigned."""
        return self.authority.issuance.complete_or_void(self.gate, now)

    def _continues(
        self, old: ValidCertificate | None, proposed: CertificateRequest
    ) -> ValidCertificate:
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
        return old
