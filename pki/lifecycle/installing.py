"""The city's side of a ceremony: what it asks for, and taking up what comes back.

A root that is new here is taken only if its fingerprint was named: the operator reads it from the
page that the custodians signed, so a changed file is not enough to plant a root.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

from foundation.database import UnitOfWork
from foundation.runtime import Runtime
from foundation.settings import Jurisdiction, Server
from foundation.signing_keys import thumbprint
from pki import store
from pki.ceremony import papers
from pki.hierarchy.hierarchy import Authority
from pki.hierarchy.plan import Planned
from pki.issuing import drafting
from pki.issuing.authority_certificate import authority_name
from pki.issuing.status_links import places
from pki.lifecycle.founding import AUTHORITY_PROFILES, Candidate, Founding
from pki.refusals import CeremonyRefused
from pki.revocation.revocation import Revocation
from pki.settings import PkiSettings
from pki.status import store as status
from pki.x509.thumbprint import x5t_s256

MOST_GENERATIONS = 99


@dataclass
class Installed:
    """What an answer brought that was not here before, by short names."""

    roots: list[str] = field(default_factory=list)
    authorities: list[str] = field(default_factory=list)
    crosses: int = 0
    lists: list[str] = field(default_factory=list)


class Installing:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._founding = Founding(runtime)
        self._hierarchy = self._founding.hierarchy
        self._settings = runtime.settings.of(PkiSettings)
        self._revocation = Revocation(runtime.audit)

    def requests(self) -> papers.Requests:
        """What to take to the ceremony: those who wait, and what a root has to revoke."""
        jurisdiction = self._runtime.settings.of(Jurisdiction)
        return papers.Requests(
            jurisdiction.name,
            jurisdiction.country,
            places(self._runtime.settings.of(Server), self._settings.url).base,
            tuple(_asking(candidate) for candidate in self._founding.waiting()),
            tuple(self._revocations()),
        )

    def _revocations(self) -> Iterator[papers.RevocationRequest]:
        self._hierarchy.read_again()
        with self._runtime.database.read() as uow:
            for root in self._hierarchy.roots():
                for row in store.revoked(uow, root.kid, self._runtime.clock.now()):
                    yield papers.RevocationRequest(
                        root.slug, row.serial, row.revocation_reason, row.revoked_at.isoformat()
                    )

    def install(self, content: bytes, fingerprints: Collection[str], now: datetime) -> Installed:
        """Take an answer up, whole or not at all. `fingerprints`: SHA-256 of new roots, hex.

        Raises CeremonyRefused.
        """
        certificates, lists = papers.read_answer(content)
        trusted = {"".join(f.split()).replace(":", "").lower() for f in fingerprints}
        installed = Installed()
        self._hierarchy.read_again()
        with self._runtime.database.write() as uow:
            roots = {root.kid: root for root in self._hierarchy.roots()}
            for certificate in certificates:
                if certificate.subject == certificate.issuer:
                    self._root(uow, certificate, roots, trusted, installed, now)
            for certificate in certificates:
                if certificate.subject != certificate.issuer:
                    self._below(uow, certificate, roots, installed, now)
            for each in lists:
                self._list(uow, each, roots, installed, now)
        self._hierarchy.read_again()
        return installed

    # ── one by one ────────────────────────────────────────────────────────────────────

    def _root(
        self,
        uow: UnitOfWork,
        certificate: x509.Certificate,
        roots: dict[str, Authority],
        trusted: Collection[str],
        installed: Installed,
        now: datetime,
    ) -> None:
        kid = _kid(certificate)
        if kid in roots:
            return
        der = certificate.public_bytes(Encoding.DER)
        said = hashlib.sha256(der).hexdigest()
        if said not in trusted:
            raise CeremonyRefused(
                f"The answer brings a root that is new here, SHA-256 {said}.",
                f"Compare it with the signed page of the ceremony; then say --root {said}.",
                where="root",
            )
        planned, generation = self._place(certificate, roots_only=True)
        if any(
            r.name == planned.name and r.generation == generation for r in store.authority_rows(uow)
        ):
            raise CeremonyRefused(
                f"There is another {planned.name}-{generation} here already.",
                "Make the new box with `civitas ca ceremony begin --generation`, one further on.",
                where=f"{planned.name}-{generation}",
            )
        _signed_by(certificate, certificate)
        root = Authority(
            planned.name, generation, kid, certificate, kid, 1, self._begins(planned, now)
        )
        self._founding.install(uow, root, now)
        roots[kid] = root
        installed.roots.append(root.slug)

    def _below(
        self,
        uow: UnitOfWork,
        certificate: x509.Certificate,
        roots: dict[str, Authority],
        installed: Installed,
        now: datetime,
    ) -> None:
        issuer = _issuer(certificate.issuer, roots)
        _signed_by(certificate, issuer.certificate)
        kid = _kid(certificate)
        if kid in roots:
            known = self._hierarchy.cross_certificates()
            if certificate not in known:
                store.add_cross(
                    uow,
                    thumbprint=x5t_s256(certificate.public_bytes(Encoding.DER)),
                    subject_kid=kid,
                    issuer_kid=issuer.kid,
                    certificate=certificate.public_bytes(Encoding.DER),
                    created_at=now,
                )
                installed.crosses += 1
            return
        if self._hierarchy.by_kid(kid) is not None:
            return
        planned, generation = self._place(certificate, roots_only=False)
        held = {s.kid for s in self._runtime.keys.signers(f"ca-{planned.name}")}
        if kid not in held or planned.issuer != issuer.name:
            raise CeremonyRefused(
                f"The certificate of {certificate.subject.rfc4514_string()} is for a key that is "
                "not here.",
                "Bring the answer to this deployment's own requests.",
                where=planned.name,
            )
        authority = Authority(
            planned.name,
            generation,
            kid,
            certificate,
            issuer.kid,
            self._settings.crl_partitions,
            self._begins(planned, now),
        )
        self._founding.install(uow, authority, now)
        installed.authorities.append(authority.slug)

    def _list(
        self,
        uow: UnitOfWork,
        each: x509.CertificateRevocationList,
        roots: dict[str, Authority],
        installed: Installed,
        now: datetime,
    ) -> None:
        issuer = _issuer(each.issuer, roots)
        key = issuer.certificate.public_key()
        if not each.is_signature_valid(key):  # type: ignore[arg-type]
            raise CeremonyRefused(
                f"The revocation list of {issuer.slug} is not signed by it.",
                "Bring the answer unchanged.",
                where=issuer.slug,
            )
        number = each.extensions.get_extension_for_oid(ExtensionOID.CRL_NUMBER).value
        assert isinstance(number, x509.CRLNumber)  # noqa: S101 - of that OID
        assert each.next_update_utc is not None  # noqa: S101 - our ceremony writes it
        newer = store.put_list(
            uow,
            authority_kid=issuer.kid,
            partition=0,
            kind="complete",
            number=number.crl_number,
            this_update=each.last_update_utc,
            next_update=each.next_update_utc,
            der=each.public_bytes(Encoding.DER),
        )
        if newer:
            installed.lists.append(issuer.slug)
        if status.least(uow, issuer.kid):  # a backup was restored: this is what was published
            status.surpass(uow, issuer.kid, number.crl_number, now)
        for entry in each:
            self._revoked(uow, issuer, entry, now)

    def _revoked(
        self, uow: UnitOfWork, root: Authority, entry: x509.RevokedCertificate, now: datetime
    ) -> None:
        """What a root revoked is revoked here too, whether we asked for it or not."""
        serial = f"{entry.serial_number:x}"
        row = store.by_serial(uow, serial)
        if row is None or row.authority_kid != root.kid or row.profile not in AUTHORITY_PROFILES:
            return
        try:
            said = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
        except x509.ExtensionNotFound:
            said = "unspecified"
        self._revocation.revoke(uow, serial, said, now)

    def _place(self, certificate: x509.Certificate, *, roots_only: bool) -> tuple[Planned, int]:
        """Which authority of the plan has this name."""
        jurisdiction = self._runtime.settings.of(Jurisdiction)
        for planned in self._hierarchy.plan.values():
            if planned.is_root == roots_only:
                for generation in range(1, MOST_GENERATIONS):
                    if authority_name(jurisdiction, planned, generation) == certificate.subject:
                        return planned, generation
        raise CeremonyRefused(
            f"{certificate.subject.rfc4514_string()} has no place in this city's hierarchy.",
            "Bring an answer made for this deployment's [jurisdiction] name and country.",
            where="subject",
        )

    def _begins(self, planned: Planned, now: datetime) -> datetime | None:
        """A first authority signs at once, and so does one in the place of a distrusted or revoked
        one; any other when everybody had time to learn of it."""
        standing = self._hierarchy.named(planned.name)
        signing = [a.generation for a in standing if self._hierarchy.signs(a, now)]
        lost = [a.generation for a in self._hierarchy.distrusted() if a.name == planned.name]
        lost += [a.generation for a in standing if a.revoked]
        if not standing or max(lost, default=0) > max(signing, default=0):
            return None
        return now + timedelta(days=self._settings.publish_ahead_days)


def _asking(candidate: Candidate) -> papers.AuthorityRequest:
    key = candidate.signer.private_key
    proposed = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(candidate.subject)
        .sign(key, drafting.hash_for(key))
    )
    return papers.AuthorityRequest(
        candidate.planned.name,
        candidate.generation,
        proposed.public_bytes(Encoding.PEM).decode(),
    )


def _kid(certificate: x509.Certificate) -> str:
    return thumbprint(certificate.public_key())  # type: ignore[arg-type]


def _issuer(name: x509.Name, roots: dict[str, Authority]) -> Authority:
    for root in roots.values():
        if root.certificate.subject == name:
            return root
    raise CeremonyRefused(
        f"{name.rfc4514_string()} is no root of this city.",
        "Bring the whole answer, with the certificates of its roots.",
        where="issuer",
    )


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError) as error:
        raise CeremonyRefused(
            f"{certificate.subject.rfc4514_string()} is not signed by "
            f"{issuer.subject.rfc4514_string()}.",
            "Bring the answer unchanged.",
            where="signature",
        ) from error
