"""When an authority's key is in other hands: distrust, successor, and everybody back at a distance.

From the act on nothing that the authority signed opens a door, forged or not. Its successor signs
at once. Whoever holds a certificate that stands on our record, bit for bit, and proves its key over
TLS may exchange it by a renewal for as long as the operator allows: the record tells the genuine
from the forged, which the signature no longer can. RFC 5280 §5.3.1, §6.3; NIST SP 800-57 §5.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import update

from foundation.audit import SYSTEM
from foundation.database import Database, UnitOfWork
from foundation.errors import Conflict, NotFound
from foundation.runtime import Runtime
from pki import store
from pki.hierarchy.hierarchy import Authority, Hierarchy, key_use
from pki.lifecycle.founding import Founding
from pki.outlook import store as outlook_store
from pki.profiles.profile import Profile
from pki.revocation.revocation import Revocation
from pki.tables import authorities
from pki.x509.certificate import ValidCertificate
from pki.x509.names import attributes, written
from pki.x509.public_key import describe
from pki.x509.thumbprint import x5t_s256

_KEPT = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class Compromise:
    """What distrusting an authority means: how many good certificates have to be exchanged, until
    when that is possible, and who signs from now on (None: its root is elsewhere, so a ceremony
    has to certify the successor first)."""

    authority: str
    certificates: int
    recover_until: datetime
    successor: str | None


class Declaring:
    def __init__(self, runtime: Runtime, revocation: Revocation) -> None:
        self._runtime = runtime
        self._revocation = revocation
        self._founding = Founding(runtime)
        self._hierarchy = self._founding.hierarchy

    def plan(self, slug: str, recover: timedelta, now: datetime) -> Compromise:
        """What `declare` would do. Raises NotFound, or Conflict for a root without a next one."""
        authority = self._named(slug)
        if authority.is_root:
            self._next_root(authority)
        with self._runtime.database.read() as uow:
            concerned = self._concerned(authority)
            good = sum(outlook_store.good_under(uow, one.kid, now) for one in concerned)
        until = authority.recover_until or now + recover
        return Compromise(authority.slug, good, until, None)

    def declare(self, slug: str, recover: timedelta, now: datetime) -> Compromise:
        """Distrust the authority, revoke it, and put its successor in its place.

        Whoever was interrupted runs the same again, and what is missing is done.
        """
        planned = self.plan(slug, recover, now)
        authority = self._named(slug)
        if not authority.is_root:
            successor = self._replace(authority, planned.recover_until, "cACompromise", now)
            return replace(planned, successor=successor)
        next_root = self._next_root(authority)
        with self._runtime.database.write() as uow:
            _begin_now(uow, next_root)
        for one in self._concerned(authority):
            self._replace(one, planned.recover_until, "superseded", now)
        if authority.distrusted_at is None:  # last: until then a repeat finds what it certified
            with self._runtime.database.write() as uow:
                self._distrust(uow, authority, planned.recover_until, now)
        self._end_key(authority, now)
        waits = any(self._waits(one.name) for one in self._concerned(authority))
        return replace(planned, successor=None if waits else next_root.slug)

    def _concerned(self, authority: Authority) -> tuple[Authority, ...]:
        """The authority itself, or of a root those that it certified, oldest first."""
        if not authority.is_root:
            return (authority,)
        known = (*self._hierarchy.all(), *self._hierarchy.distrusted())
        below = [a for a in known if a.issuer_kid == authority.kid and not a.is_root]
        return tuple(sorted(below, key=lambda a: a.generation))

    def _next_root(self, than: Authority) -> Authority:
        later = [a for a in self._hierarchy.named(than.name) if a.generation > than.generation]
        if not later:
            raise Conflict(
                f"Nobody could certify anything once {than.slug} is distrusted.",
                where="authority",
                next_step=f"Make and install the root after it first: `civitas ca roll {than.name}`"
                ", or with an offline root a ceremony; see the guide, When a root's key is lost.",
            )
        return later[-1]

    def _replace(
        self, authority: Authority, until: datetime, reason: str, now: datetime
    ) -> str | None:
        """Distrust one that issues, and have its successor sign; who that is."""
        serial = f"{authority.certificate.serial_number:x}"
        next_one = self._newer(authority, now)
        with self._runtime.database.write() as uow:
            if authority.distrusted_at is None:
                self._distrust(uow, authority, until, now)
            if not self._revocation.revoke(uow, serial, reason, now):
                self._has_to_be_revoked(uow, authority.slug, serial)
            if next_one is not None and not self._hierarchy.signs(next_one, now):
                _begin_now(uow, next_one)  # it waited for everybody to learn of it
        self._end_key(authority, now)
        if next_one is None and not self._waits(authority.name):
            # Never back to an earlier generation: it was replaced for a reason.
            self._runtime.keys.rotate(key_use(authority.name), now, keep=_KEPT, ahead=timedelta(0))
        self._founding.establish(now, timedelta(0))
        successor = self._newer(authority, now)
        return successor.slug if successor is not None else None

    def _end_key(self, authority: Authority, now: datetime) -> None:
        key = self._runtime.keys.by_kid(authority.kid)
        if key is not None and key.state != "revoked":
            self._runtime.keys.revoke(authority.kid, now)

    def _distrust(
        self, uow: UnitOfWork, authority: Authority, until: datetime, now: datetime
    ) -> None:
        store.distrust(uow, authority.kid, now, until)
        details = {"authority": authority.slug, "recover_until": until.isoformat()}
        self._runtime.audit.record(uow, "authority.distrusted", SYSTEM, details=details)

    def _has_to_be_revoked(self, uow: UnitOfWork, slug: str, serial: str) -> None:
        row = store.by_serial(uow, serial)
        if row is None or row.revoked_at is None:
            raise Conflict(
                f"The certificate of {slug} is not on record, so no list could name it.",
                where="authority",
                next_step="Run `civitas db upgrade`, which puts it there; then repeat this.",
            )

    def _newer(self, than: Authority, now: datetime) -> Authority | None:
        """The good generation after this one that signs, or else the newest that waits."""
        self._hierarchy.read_again()
        newer = [
            authority
            for authority in self._hierarchy.named(than.name)
            if authority.generation > than.generation
            and not authority.revoked
            and self._hierarchy.holds(authority)
        ]
        signing = [authority for authority in newer if self._hierarchy.signs(authority, now)]
        return next(reversed(signing or newer), None)

    def _waits(self, name: str) -> bool:
        """Whether a next key has to be certified yet."""
        return any(c.planned.name == name for c in self._founding.waiting())

    def _named(self, slug: str) -> Authority:
        self._hierarchy.read_again()
        authority = self._hierarchy.by_slug(slug)
        if authority is None:
            found = (a for a in self._hierarchy.distrusted() if a.slug == slug)
            authority = next(found, None)
        if authority is None:
            raise NotFound(
                f"There is no authority {slug}.",
                where="authority",
                next_step="`civitas ca list` names those that stand.",
            )
        return authority


def _begin_now(uow: UnitOfWork, authority: Authority) -> None:
    uow.execute(
        update(authorities).where(authorities.c.kid == authority.kid).values(signs_from=None)
    )


class Recovery:
    """Validates a certificate of a distrusted authority, for its exchange and nothing else."""

    def __init__(
        self, database: Database, hierarchy: Hierarchy, profiles: Mapping[str, Profile]
    ) -> None:
        self._database = database
        self._hierarchy = hierarchy
        self._profiles = {
            p.name for p in profiles.values() if "client_auth" in p.extended_key_usage
        }

    def validate(
        self, certificate: x509.Certificate, now: datetime, grace: timedelta = timedelta(0)
    ) -> ValidCertificate | None:
        """Its facts, if it stands on our record bit for bit and may recover now; `grace`: also for
        so long after its end."""
        recovering = {authority.kid for authority in self._hierarchy.recovering(now)}
        if not recovering:
            return None
        thumbprint = x5t_s256(certificate.public_bytes(Encoding.DER))
        with self._database.read() as uow:
            row = store.by_serial(uow, f"{certificate.serial_number:x}")
        if row is None or row.state != "issued" or row.thumbprint != thumbprint:
            return None
        stands = row.revoked_at is None and row.not_before <= now <= row.not_after + grace
        if not stands or row.authority_kid not in recovering or row.profile not in self._profiles:
            return None
        try:
            alternative = certificate.extensions.get_extension_for_class(
                x509.SubjectAlternativeName
            )
            names = tuple(written(name) for name in alternative.value)
        except x509.ExtensionNotFound:
            names = ()
        return ValidCertificate(
            serial=row.serial,
            holder=row.holder,
            profile=row.profile,
            thumbprint=thumbprint,
            public_key=describe(certificate.public_key()).digest,
            subject=attributes(certificate.subject),
            names=names,
            not_before=row.not_before,
            not_after=row.not_after,
        )
