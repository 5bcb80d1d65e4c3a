"""A key of this deployment that is certified for one job, such as time stamps or an office's seal.

The key is replaced while its certificate still lasts: what it signed outlives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Row, select

from foundation import event_loop
from foundation.audit import Actor, Audit
from foundation.database import Database, UnitOfWork
from foundation.errors import Unavailable
from foundation.keys import Keys, Signer
from pki.cms import CmsSigner, signer
from pki.hierarchy.hierarchy import Authority, Hierarchy, key_use
from pki.issuing import drafting, own_certificates, preflight
from pki.issuing.status_links import StatusPlaces
from pki.profiles.profile import Profile
from pki.refusals import RequestRefused
from pki.tables import certificates
from pki.x509 import names
from pki.x509.public_key import describe

SEEN_FOR = timedelta(seconds=1)
"""After this long a certificate that another process made or revoked is noticed."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a key signs, and how its certificate names it."""

    holder: str
    """Under which its certificates are on record."""
    use: str
    """Of the key; `[keys] in_token` may name it."""
    profile: str
    common_name: str
    signs_for: timedelta
    algorithm: str | None = None
    """JWA name; None: that of the authority."""
    issuer: str = "services"
    names: tuple[str, ...] = ()
    """Alternative names, each with its kind."""
    country: str = ""
    """ISO 3166-1 alpha-2 code, where the profile has a C."""


@dataclass(frozen=True, slots=True)
class CertifiedKey:
    """A key that signs now, its certificate, and those below the root (DER)."""

    signer: Signer
    certificate: bytes
    chain: tuple[bytes, ...]


class OwnSigner:
    """Makes the key and its certificate, renews both, and is asked who signs now."""

    def __init__(
        self,
        job: Job,
        database: Database,
        audit: Audit,
        keys: Keys,
        hierarchy: Hierarchy,
        profiles: Mapping[str, Profile],
        places: StatusPlaces,
    ) -> None:
        self._job = job
        self._database = database
        self._audit = audit
        self._keys = keys
        self._hierarchy = hierarchy
        self._profile = profiles[job.profile]
        self._places = places
        self._seen: tuple[datetime, CertifiedKey] | None = None
        self._cms: tuple[bytes, CmsSigner] | None = None
        self._lock = event_loop.Lock()

    def prepare(self, now: datetime) -> None:
        """Make the missing key and its certificate; idempotent. `civitas init` and upgrades."""
        authorities = self._keys.signers(key_use(self._job.issuer))
        if authorities:
            algorithm = self._job.algorithm or authorities[-1].algorithm
            # Few who verify documents and stamps know Ed25519.
            self._keys.ensure(self._job.use, "ES256" if algorithm == "EdDSA" else algorithm)
        self.renew(now)

    def renew(self, now: datetime) -> bool:
        """Periodic: a key that has signed for its time makes room; whether one was certified."""
        try:
            authority, _ = self._hierarchy.signing(self._job.issuer)
        except Unavailable:
            return False  # its key comes from the ceremony
        signers = self._keys.signers(self._job.use)
        if not signers:
            return False
        row = self._row_of(signers[-1], now)
        if row is not None and self._stands(row, authority, now):
            return False
        if row is not None:
            self._keys.rotate(self._job.use, now, ahead=timedelta(0))
        return self._certify_newest(authority, now)

    def standing(self, now: datetime) -> CmsSigner:
        """Who signs CMS now. Raises Unavailable when nobody can."""
        found = self.key(now)
        if self._cms is None or self._cms[0] != found.certificate:
            by = signer(found.signer.private_key, found.certificate, found.chain)
            self._cms = (found.certificate, by)
        return self._cms[1]

    def key(self, now: datetime) -> CertifiedKey:
        """The key that signs now. Raises Unavailable when there is none."""
        if self._seen is not None and timedelta(0) <= now - self._seen[0] < SEEN_FOR:
            return self._seen[1]
        found = self._find(now)
        if found is None:
            with self._lock:
                self.renew(now)
            found = self._find(now)
        if found is None:
            raise Unavailable(
                f"Nobody can sign: {self._job.common_name}.",
                next_step="Run `civitas db upgrade`, which makes the key and its certificate.",
            )
        self._seen = (now, found)
        return found

    def _find(self, now: datetime) -> CertifiedKey | None:
        for one in reversed(self._keys.signers(self._job.use)):
            row = self._row_of(one, now)
            authority = self._hierarchy.by_kid(row.authority_kid) if row is not None else None
            if row is not None and authority is not None:
                chain = [c.public_bytes(Encoding.DER) for c in self._hierarchy.chain(authority)]
                # The root is what a verifier has already.
                return CertifiedKey(one, row.certificate, tuple(chain[:-1]))
        return None

    def _row_of(self, one: Signer, now: datetime) -> Row[Any] | None:
        """The certificate of this key that is good now."""
        c = certificates.c
        digest = describe(one.public_key).digest
        with self._database.read() as uow:
            rows = uow.all(
                select(
                    c.serial,
                    c.authority_kid,
                    c.certificate,
                    c.not_before,
                    c.not_after,
                    c.revoked_at,
                ).where(c.holder == self._job.holder, c.public_key == digest, c.state == "issued")
            )
        good = [r for r in rows if r.revoked_at is None and r.not_before <= now < r.not_after]
        return max(good, key=lambda r: r.not_after, default=None)

    def _stands(self, row: Row[Any], authority: Authority, now: datetime) -> bool:
        """Whether its certificate is of the authority that signs now, and says who it is today."""
        if row.authority_kid != authority.kid or now - row.not_before >= self._job.signs_for:
            return False
        return x509.load_der_x509_certificate(row.certificate).subject == self._subject()

    def _subject(self) -> x509.Name:
        return names.subject(self._job.common_name, self._profile.subject, self._job.country)

    # ── certified ─────────────────────────────────────────────────────────────────────

    def _certify_newest(self, authority: Authority, now: datetime) -> bool:
        try:
            return self._certify(authority, self._keys.signers(self._job.use)[-1], now)
        except RequestRefused:
            # The key was revoked as compromised: another one signs from here on.
            self._keys.rotate(self._job.use, now, ahead=timedelta(0))
            return self._certify(authority, self._keys.signers(self._job.use)[-1], now)

    def _certify(self, authority: Authority, one: Signer, now: datetime) -> bool:
        issuing_key = self._hierarchy.private_key(authority)
        key = describe(one.public_key)
        draft = self._draft(authority, key.der, now)
        body = preflight.examine(draft, authority.certificate, issuing_key)
        record: dict[str, Any] = {
            "serial": f"{draft.serial:x}",
            "authority_kid": authority.kid,
            "partition": draft.serial % authority.partitions,
            "profile": self._job.profile,
            "holder": self._job.holder,
            # One key, one certificate of one authority: two processes at it make one.
            "reference": f"{self._job.holder}:{authority.slug}:{key.digest}",
            "public_key": key.digest,
            "body": body,
            "not_before": draft.not_before,
            "not_after": draft.not_after,
            "recorded_at": now,
        }

        def take_up(uow: UnitOfWork, der: bytes) -> None:
            said = {name: record[name] for name in ("serial", "profile", "holder")}
            actor = Actor("system", "pki")
            self._audit.record(uow, "certificate.issued", actor, details=said)

        return own_certificates.certify(self._database, record, issuing_key, take_up, now)

    def _draft(self, authority: Authority, key: bytes, now: datetime) -> drafting.Draft:
        serial = x509.random_serial_number()
        last = authority.certificate.not_valid_after_utc
        return drafting.Draft(
            serial=serial,
            profile=self._profile,
            subject=self._subject(),
            public_key=key,
            alternative_names=self._job.names,
            not_before=(now - self._profile.backdate).replace(microsecond=0),
            not_after=min(now + (self._profile.lifetime or timedelta(0)), last).replace(
                microsecond=0
            ),
            links=self._places.links(authority.slug, serial % authority.partitions),
        )
