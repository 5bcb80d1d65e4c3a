"""The certification authority of a deployment, as the rest of the service uses it — RFC 5280."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509

from foundation import clock_quality
from foundation.database import UnitOfWork
from foundation.runtime import Runtime
from foundation.settings import Server
from pki import one_act, profiles, store
from pki.hierarchy import hierarchy
from pki.hierarchy.hierarchy import Authority, Hierarchy
from pki.hierarchy.inventory import AuthorityStanding, inventory
from pki.issuing import by_hand, server_certificate
from pki.issuing.issuance import Issuance
from pki.issuing.server_certificate import Console, ServerCertificate
from pki.issuing.status_links import places
from pki.lifecycle.compromise import Declaring, Recovery
from pki.lifecycle.founding import Founding
from pki.one_act import OneAct
from pki.outlook.board import Outlook
from pki.own_signer import Job, OwnSigner
from pki.path.validation import Validation
from pki.profiles.profile import ML_DSA_KINDS
from pki.recognising import Recognising
from pki.refusals import CertificateRefused
from pki.revocation.mass_revocation import MassRevocation
from pki.revocation.revocation import Revocation
from pki.revocation.revoking_again import RevokingAgain
from pki.settings import PkiSettings
from pki.status.evidence import Evidence, evidence
from pki.status.lists import Lists
from pki.status.responders import Responders
from pki.status.responding import Responding
from pki.timestamps import stamping
from pki.timestamps.settings import TimeStampSettings
from pki.timestamps.stamping import TimeStamping
from pki.x509.certificate import IssuedCertificate, ValidCertificate
from pki.x509.public_key import describe


class CertificateAuthority:
    """Issues, validates and revokes. Who may enrol is asked elsewhere: see `Enrolment`."""

    def __init__(self, runtime: Runtime) -> None:
        self.clock = runtime.clock
        self._runtime = runtime
        self._keys = runtime.keys
        self.pages = runtime.pages
        self.profiles = dict(profiles.load())
        settings = runtime.settings.of(PkiSettings)
        self.places = places(runtime.settings.of(Server), settings.url)
        self.hierarchy = Hierarchy(runtime.database, runtime.keys, runtime.clock)
        self.issuance = Issuance(
            runtime.database, runtime.audit, self.hierarchy, self.profiles, self.places
        )
        self.outlook = Outlook(
            runtime.database,
            self.hierarchy,
            runtime.keys,
            self.profiles,
            timedelta(days=settings.publish_ahead_days),
        )
        runtime.jobs.periodic(
            "certificates that end",
            timedelta(hours=12),
            lambda: self.outlook.alert(runtime.clock.now()),
        )
        self._grace = timedelta(days=settings.renewal_grace_days)
        self._console = Console(runtime.audit)
        self._validation = Validation(runtime.database, self.hierarchy, self.profiles)
        self._recovery = Recovery(runtime.database, self.hierarchy, self.profiles)
        self._recognising = Recognising(runtime.database, self.hierarchy)
        self._revocation = Revocation(runtime.audit)
        self.mass_revocation = MassRevocation(
            runtime.database,
            runtime.audit,
            self.hierarchy,
            tuple(self.profiles.values()),
            self._revocation,
        )
        self.revoking_again = RevokingAgain(
            runtime.database, runtime.guard, runtime.audit, self.hierarchy, self._revocation
        )
        self.lists = Lists(runtime.database, self.hierarchy, self.places, settings)
        self.responders = _responders(runtime, self.hierarchy)
        self.responding = Responding(runtime.database, self.hierarchy, self.responders, settings)
        self._stamp_signer = self.signer_for(stamping.SIGNS)
        self.time_stamping = TimeStamping(
            runtime.database,
            runtime.rates,
            runtime.clock,
            self._stamp_signer,
            runtime.settings.of(TimeStampSettings),
            clock_quality.said_by_kernel,
        )
        self._work(runtime)

    def _work(self, runtime: Runtime) -> None:
        """What `serve` does beside answering: nobody waits for a list, or meets an old answer."""
        now = runtime.clock.now
        runtime.jobs.periodic(
            "revocation lists", timedelta(minutes=5), lambda: self.lists.refresh(now())
        )
        runtime.jobs.periodic(
            "ocsp responders", timedelta(hours=1), lambda: self.responders.renew(now())
        )
        runtime.jobs.periodic(
            "time-stamp keys", timedelta(hours=12), lambda: self._stamp_signer.renew(now())
        )

    def validate_client(self, certificate: x509.Certificate, now: datetime) -> ValidCertificate:
        """The facts of a client certificate of ours. Raises CertificateRefused with the reason."""
        try:
            return self._validation.validate_client(certificate, now)
        except CertificateRefused as refusal:
            if self._recovery.validate(certificate, now) is None:
                raise
            raise CertificateRefused(
                "issuer_distrusted",
                "The authority that issued the client certificate is not trusted any more.",
                "Renew now, with this certificate, by EST simplereenroll.",
            ) from refusal

    def validate_renewal(self, certificate: x509.Certificate, now: datetime) -> ValidCertificate:
        """As `validate_client`; a certificate that may only be exchanged passes here too: one of a
        distrusted authority, one that ended no longer ago than the grace, and one that has not
        begun, which only a clock of ours can have made that was ahead."""
        try:
            return self._validation.validate_client(certificate, now)
        except CertificateRefused as refusal:
            recovered = self._recovery.validate(certificate, now, self._grace)
            if recovered is not None:
                return recovered
            if refusal.reason == "not_yet_valid":
                return self._validation.validate_out_of_time(certificate, now)
            if refusal.reason != "expired" or not self._grace:
                raise
            ended = certificate.not_valid_after_utc
            if now > ended + self._grace:
                raise CertificateRefused(
                    "expired",
                    f"The client certificate expired on {ended:%Y-%m-%d}; until "
                    f"{ended + self._grace:%Y-%m-%d} it could have been renewed.",
                    "Ask the operator for a new enrolment token.",
                ) from refusal
            return self._validation.validate_out_of_time(certificate, now)

    def compromise(self) -> Declaring:
        """What to do when an authority's key is in other hands."""
        return Declaring(self._runtime, self._revocation)

    def revoke(self, uow: UnitOfWork, serial: str, reason: str, now: datetime) -> bool:
        """Revoke inside the caller's unit of work; whether it was this call that did."""
        return self._revocation.revoke(uow, serial, reason, now)

    def was_revoked(self, serial: str) -> bool:
        """Whether a certificate ever was revoked: lists forget those that ended."""
        with self._runtime.database.read() as uow:
            return store.was_revoked(uow, serial)

    def retire_keys(self, uow: UnitOfWork, holder: str, now: datetime) -> int:
        """The holder changed hands: its keys get no certificate any more; how many they are."""
        return store.retire_keys(uow, holder, now)

    def release(self, uow: UnitOfWork, serial: str, now: datetime) -> bool:
        """Take a certificate off hold inside the caller's unit of work; whether it was on hold."""
        return self._revocation.release(uow, serial, now)

    def crl(self, authority: str, now: datetime) -> bytes:
        """The whole revocation list of "devices", "devices-1" and so on, DER. Raises NotFound."""
        return self.lists.whole(authority, now).der

    def issue_server_certificate(
        self, hostnames: Sequence[str], *, now: datetime | None = None
    ) -> ServerCertificate:
        """A key and certificate for a TLS listener reached under `hostnames`."""
        issuer, _ = self.hierarchy.signing("services")
        chain = self.hierarchy.chain(issuer)
        # Whoever knows only the root before this one finds the way over their cross-certificate.
        crosses = [c for c in self.hierarchy.cross_certificates() if c.subject == chain[-1].subject]
        below_the_root = (*chain[:-1], *crosses)
        moment = now or self.clock.now()
        return server_certificate.issue(
            self.issuance, self._console, below_the_root, hostnames, moment
        )

    def issue_by_hand(
        self, profile: str, body: bytes, holder: str, names: Sequence[str], now: datetime
    ) -> IssuedCertificate:
        """A certificate that an operator issues: for a person's card, a maker's device, a server.

        Raises BadRequest or RequestRefused.
        """
        kind = self.profiles[profile]
        return by_hand.issue(self.issuance, self._console, kind, body, holder, names, now)

    def one_act(self, reference: str, name: str, now: datetime) -> AbstractContextManager[OneAct]:
        """A key and a certificate of `name` for one act, gone at the end of the block.

        Raises Conflict where the reference led to one already, Unavailable without an authority.
        """
        issuer, _ = self.hierarchy.signing("people")
        chain = self.hierarchy.chain(issuer)[:-1]
        return one_act.one_act(self.issuance, self._console, chain, reference, name, now)

    def give_up_act(self, uow: UnitOfWork, reference: str, now: datetime) -> None:
        """Nothing came of an act: its certificate, if there is one, is good for nothing."""
        self.issuance.give_up(uow, one_act.holder_of(reference), "not_signed", now)
        issued = store.by_reference(uow, one_act.reference_of(reference))
        if issued is not None and issued.state == "issued":
            self.revoke(uow, issued.serial, "cessationOfOperation", now)

    def evidence(self, certificate: bytes, now: datetime) -> Evidence:
        """What this one, DER, and that of the time stamps are worth now, for whoever asks in years.
        Raises Unavailable."""
        both = (certificate, self._stamp_signer.key(now).certificate)
        return evidence(self.hierarchy, self.lists, self.responding, both, now)

    def signer_for(self, job: Job) -> OwnSigner:
        """Who signs for this job, with a certificate of these authorities."""
        return signer_for(self._runtime, job, self.hierarchy)

    def recognise(self, job: Job, der: bytes, now: datetime) -> Any:
        """The key of a certificate that is one of ours for this job. Raises UnknownSigner."""
        return self._recognising.key_of(job, der, now)

    def inventory(self) -> tuple[AuthorityStanding, ...]:
        """Every authority, where its key is, and until when it lasts."""
        return inventory(self.hierarchy, self._keys)

    def authorities(self, family: str = "") -> tuple[x509.Certificate, ...]:
        """Every authority's certificate, the roots first, then those that certify each other.

        `family` "mldsa" gives the authorities that are ready for quantum computers; without it,
        those that every client of today understands.
        """
        self.hierarchy.refresh()
        post_quantum = family == "mldsa"
        found = [a for a in self.hierarchy.all() if is_post_quantum(a) == post_quantum]
        found.sort(key=lambda a: not a.is_root)
        subjects = {authority.certificate.subject for authority in found}
        crosses = (c for c in self.hierarchy.cross_certificates() if c.subject in subjects)
        return (*(authority.certificate for authority in found), *crosses)

    def trust_anchors(self) -> bytes:
        """PEM of the roots and the issuing authorities: what a TLS context loads, ours alone."""
        self.hierarchy.read_again()
        # TLS lets them in, so that they can recover; no door but that of renewal does.
        recovering = (a.certificate for a in self.hierarchy.recovering(self.clock.now()))
        return hierarchy.pem((*self.authorities(), *recovering))


def is_post_quantum(authority: Authority) -> bool:
    return describe(authority.certificate.public_key()).kind in ML_DSA_KINDS


def prepare(runtime: Runtime) -> None:
    """Make the missing keys and certificates of the authorities; idempotent."""
    founding, now = Founding(runtime), runtime.clock.now()
    founding.establish(now)
    founding.hierarchy.read_again()
    _responders(runtime, founding.hierarchy).prepare(now)
    signer_for(runtime, stamping.SIGNS, founding.hierarchy).prepare(now)


def _responders(runtime: Runtime, hierarchy: Hierarchy) -> Responders:
    known = runtime.settings.of(PkiSettings)
    at = places(runtime.settings.of(Server), known.url)
    return Responders(runtime.database, runtime.audit, runtime.keys, hierarchy, profiles.load(), at)


def signer_for(runtime: Runtime, job: Job, hierarchy: Hierarchy | None = None) -> OwnSigner:
    """Who signs for a job; asked before anything serves, to `prepare` its key."""
    hierarchy = hierarchy or Hierarchy(runtime.database, runtime.keys, runtime.clock)
    known = runtime.settings.of(PkiSettings)
    at = places(runtime.settings.of(Server), known.url)
    return OwnSigner(
        job, runtime.database, runtime.audit, runtime.keys, hierarchy, profiles.load(), at
    )
