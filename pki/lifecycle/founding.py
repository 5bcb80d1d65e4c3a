"""How authorities come to be: keys made, certified by their issuer, put on record — RFC 5280 §3.2.

Where the root's key is here, an authority is certified at once. Where it is elsewhere, the
authority waits: `requests` says what it asks of the ceremony, `install` takes the answer.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from foundation.audit import SYSTEM
from foundation.database import UnitOfWork
from foundation.errors import Unavailable
from foundation.keys import Signer
from foundation.runtime import Runtime
from foundation.settings import Jurisdiction, Server
from pki import store
from pki.hierarchy.hierarchy import Authority, Hierarchy, key_use
from pki.hierarchy.plan import Planned
from pki.issuing import drafting, own_certificates, preflight
from pki.issuing.authority_certificate import authority_draft, authority_name, cross_draft
from pki.issuing.status_links import places
from pki.refusals import RequestRefused
from pki.settings import PkiSettings
from pki.x509.public_key import describe, info_of
from pki.x509.thumbprint import x5t_s256

AUTHORITY_PROFILES = frozenset({"root", "issuing"})
"""The profiles of authorities' own certificates."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An authority that has a key, and no certificate yet."""

    planned: Planned
    generation: int
    signer: Signer
    subject: x509.Name

    @property
    def slug(self) -> str:
        return f"{self.planned.name}-{self.generation}"


class Founding:
    def __init__(self, runtime: Runtime, hierarchy: Hierarchy | None = None) -> None:
        self._runtime = runtime
        self._settings = runtime.settings.of(PkiSettings)
        self._places = places(runtime.settings.of(Server), self._settings.url)
        self.hierarchy = hierarchy or Hierarchy(runtime.database, runtime.keys, runtime.clock)

    def establish(self, now: datetime, ahead: timedelta | None = None) -> tuple[Authority, ...]:
        """Make the missing keys, and certify what can be certified here; idempotent.

        A first authority signs at once; a later one `ahead` of now (`[pki] publish_ahead_days`
        when not said), so that everybody knows it by then. Returns those that are new.
        """
        if ahead is None:
            ahead = timedelta(days=self._settings.publish_ahead_days)
        made: list[Authority] = []
        self._put_on_record(now)
        for planned in self._wanted():
            if not (planned.is_root and self._settings.root == "offline"):
                algorithm = planned.algorithm or self._settings.key_algorithm
                self._runtime.keys.ensure(key_use(planned.name), algorithm)
            for candidate in self._candidates(planned):
                authority = self._certify(candidate, ahead, now)
                if authority is not None:
                    made.append(authority)
        self._let_roots_vouch(now)
        self.hierarchy.read_again()
        return tuple(made)

    def _put_on_record(self, now: datetime) -> None:
        """An authority from before authorities stood on record gets its row: without one it could
        not be revoked."""
        with self._runtime.database.write() as uow:
            for row in store.authority_rows(uow):
                certificate = x509.load_der_x509_certificate(row.certificate)
                profile = "root" if row.kid == row.issuer_kid else "issuing"
                slug = f"{row.name}-{row.generation}"
                record = record_of(slug, row.issuer_kid, profile, certificate, now)
                if store.by_serial(uow, record["serial"]) is None:
                    store.record(uow, **record)
                    with suppress(RequestRefused):  # banned already: nobody gets it again
                        store.hold_key(uow, record["public_key"], record["holder"], now)
                    store.signed(uow, store.as_issued(record, row.certificate), now)

    def waiting(self) -> tuple[Candidate, ...]:
        """Those who have a key, and wait for a root that is elsewhere."""
        return tuple(c for planned in self._wanted() for c in self._candidates(planned))

    def _wanted(self) -> tuple[Planned, ...]:
        return tuple(
            planned
            for planned in self.hierarchy.plan.values()
            if self._settings.post_quantum or not (planned.algorithm or "").startswith("ML-DSA")
        )

    def _candidates(self, planned: Planned) -> tuple[Candidate, ...]:
        self.hierarchy.read_again()
        with self._runtime.database.read() as uow:
            rows = [r for r in store.authority_rows(uow) if r.name == planned.name]
        known = {row.kid for row in rows}
        number = max((row.generation for row in rows), default=0)
        missing = [s for s in self._runtime.keys.signers(key_use(planned.name))
                   if s.kid not in known]  # fmt: skip
        return tuple(
            Candidate(planned, number + i, signer, self._subject(planned, number + i))
            for i, signer in enumerate(missing, 1)
        )

    def _subject(self, planned: Planned, generation: int) -> x509.Name:
        jurisdiction = self._runtime.settings.of(Jurisdiction)
        return authority_name(jurisdiction, planned, generation)

    # ── certified here ────────────────────────────────────────────────────────────────

    def _certify(self, candidate: Candidate, ahead: timedelta, now: datetime) -> Authority | None:
        issuer, private_key = self._issuer_of(candidate)
        if private_key is None:
            return None
        draft = authority_draft(
            candidate.planned,
            candidate.subject,
            info_of(candidate.signer.public_key),
            issuer,
            self._places.links(issuer.slug, 0) if issuer is not None else None,
            now,
        )
        if issuer is not None:
            body = preflight.examine(draft, issuer.certificate, private_key)
        else:
            body = drafting.body(draft, None, private_key)
        issuer_kid = issuer.kid if issuer is not None else candidate.signer.kid
        unsigned = drafting.unsigned(body)
        record = record_of(candidate.slug, issuer_kid, candidate.planned.profile, unsigned, now)
        begins = now + ahead if candidate.generation > 1 else None
        made: list[Authority] = []

        def take_up(uow: UnitOfWork, der: bytes) -> None:
            made.append(self._authority(candidate, issuer_kid, der, begins))
            self._take_up(uow, made[0], now)

        database = self._runtime.database
        certified = own_certificates.certify(database, record, private_key, take_up, now)
        return made[0] if certified else None

    def _let_roots_vouch(self, now: datetime) -> None:
        """A root and the next one certify each other, for those who know only one of them
        (RFC 4210 §4.4)."""
        self.hierarchy.read_again()
        with self._runtime.database.read() as uow:
            done = {(row.subject_kid, row.issuer_kid) for row in store.cross_rows(uow)}
        for planned in self._wanted():
            for pair in pairwise(self.hierarchy.named(planned.name)):
                for subject, issuer in (pair, pair[::-1]):
                    if (
                        planned.is_root
                        and (subject.kid, issuer.kid) not in done
                        and self.hierarchy.holds(issuer)
                    ):
                        with suppress(RequestRefused, Unavailable):  # no vouching for a banned key
                            self._cross(subject, issuer, now)

    def _cross(self, subject: Authority, issuer: Authority, now: datetime) -> None:
        key = self.hierarchy.private_key(issuer)
        draft = cross_draft(subject, issuer, now)
        unsigned = drafting.unsigned(drafting.body(draft, issuer.certificate, key))
        record = record_of(subject.slug, issuer.kid, draft.profile.name, unsigned, now)

        def take_up(uow: UnitOfWork, der: bytes) -> None:
            store.add_cross(
                uow,
                thumbprint=x5t_s256(der),
                subject_kid=subject.kid,
                issuer_kid=issuer.kid,
                certificate=der,
                created_at=now,
            )

        own_certificates.certify(self._runtime.database, record, key, take_up, now)

    def _authority(
        self, candidate: Candidate, issuer_kid: str, der: bytes, begins: datetime | None
    ) -> Authority:
        return Authority(
            candidate.planned.name,
            candidate.generation,
            candidate.signer.kid,
            x509.load_der_x509_certificate(der),
            issuer_kid,
            1 if candidate.planned.is_root else self._settings.crl_partitions,
            begins,
        )

    def _issuer_of(self, candidate: Candidate) -> tuple[Authority | None, Any]:
        """Who certifies it, with its key; (None, its own key) for a root; no key if elsewhere."""
        if candidate.planned.issuer is None:
            return None, candidate.signer.private_key
        try:
            return self.hierarchy.signing(candidate.planned.issuer)
        except Unavailable:
            return None, None

    def install(
        self,
        uow: UnitOfWork,
        authority: Authority,
        now: datetime,
    ) -> None:
        """Take up an authority whose certificate was signed elsewhere."""
        profile = "root" if authority.is_root else "issuing"
        record = record_of(
            authority.slug, authority.issuer_kid, profile, authority.certificate, now
        )
        der = authority.certificate.public_bytes(Encoding.DER)
        store.record(uow, **record)
        store.hold_key(uow, record["public_key"], record["holder"], now)
        store.signed(uow, store.as_issued(record, der), now)
        self._take_up(uow, authority, now)

    def _take_up(self, uow: UnitOfWork, authority: Authority, now: datetime) -> None:
        der = authority.certificate.public_bytes(Encoding.DER)
        store.add_authority(
            uow,
            kid=authority.kid,
            name=authority.name,
            generation=authority.generation,
            certificate=der,
            issuer_kid=authority.issuer_kid,
            partitions=authority.partitions,
            signs_from=authority.signs_from,
            created_at=now,
        )
        self._runtime.audit.record(
            uow,
            "authority.established",
            SYSTEM,
            details={
                "authority": authority.slug,
                "key": authority.kid,
                "issuer": authority.issuer_kid,
                "thumbprint": x5t_s256(der),
                "signs_from": (authority.signs_from or now).isoformat(),
            },
        )


def record_of(
    slug: str, issuer_kid: str, profile: str, certificate: x509.Certificate, now: datetime
) -> dict[str, Any]:
    """An authority's own certificate, unsigned or signed, stands on record as every other does."""
    key = describe(certificate.public_key())
    return {
        "serial": f"{certificate.serial_number:x}",
        "authority_kid": issuer_kid,
        "partition": 0,
        "profile": profile,
        "holder": f"authority:{slug}",
        "reference": f"authority:{key.digest}:{issuer_kid}",
        "public_key": key.digest,
        "body": certificate.tbs_certificate_bytes,
        "not_before": certificate.not_valid_before_utc,
        "not_after": certificate.not_valid_after_utc,
        "recorded_at": now,
    }
