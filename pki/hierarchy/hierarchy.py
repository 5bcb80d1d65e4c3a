"""The city's authorities: roots, and below them those that issue — RFC 5280 §6.

Two families stand side by side (`hierarchy.toml`); our own paths have the fixed length three.
Private keys stay behind `foundation`'s keys (uses `ca-root`, `ca-devices`, …), in software or in a
PKCS#11 token; a root's key may be elsewhere altogether.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select

from foundation import event_loop
from foundation.clock import Clock
from foundation.database import Database, UnitOfWork
from foundation.errors import Unavailable
from foundation.keys import Keys
from pki import store
from pki.hierarchy import plan
from pki.tables import certificates

ROOT = "root"


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority whose place in the hierarchy was checked when it was read.

    `slug` is its short name in addresses, such as `devices-1`; `partitions` into how many
    revocation lists what it issues is divided; `signs_from` when it begins to certify, None: at
    once; `revoked` whether our record says so of its own certificate.
    """

    name: str
    generation: int
    kid: str
    certificate: x509.Certificate = field(repr=False)
    issuer_kid: str
    partitions: int
    signs_from: datetime | None = None
    distrusted_at: datetime | None = None
    recover_until: datetime | None = None
    revoked: bool = False

    @property
    def slug(self) -> str:
        return f"{self.name}-{self.generation}"

    @property
    def is_root(self) -> bool:
        return self.kid == self.issuer_kid

    @property
    def subject_key_identifier(self) -> bytes:
        found = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        return found.value.digest

    def covers(self, now: datetime) -> bool:
        certificate = self.certificate
        return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def key_use(name: str) -> str:
    return f"ca-{name}"


class Hierarchy:
    """The authorities as the database has them, a second ago at most."""

    # What another process changed, a new authority or a distrusted one, is seen after this long.
    CACHE = timedelta(seconds=1)

    def __init__(self, database: Database, keys: Keys, clock: Clock) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock
        self._reading = event_loop.Lock()
        self._read_at: datetime | None = None
        self._known: dict[str, Authority] = {}
        self._crosses: tuple[x509.Certificate, ...] = ()
        self._distrusted: tuple[Authority, ...] = ()
        self._private: dict[str, Any] = {}
        self.plan = plan.load()

    def all(self) -> tuple[Authority, ...]:
        if not self._known:
            self.read_again()
        return tuple(self._known.values())

    def named(self, name: str) -> tuple[Authority, ...]:
        """The authorities of one name, oldest first: more than one after a change of keys."""
        found = (authority for authority in self.all() if authority.name == name)
        return tuple(sorted(found, key=lambda authority: authority.generation))

    def by_slug(self, slug: str) -> Authority | None:
        """The authority called so: `devices-2`, or `devices` for the one that signs now."""
        for authority in self.all():
            if authority.slug == slug:
                return authority
        if slug not in self.plan or not self.named(slug):
            return None
        try:
            return self.signing(slug)[0]
        except Unavailable:
            return self.named(slug)[-1]  # its key is elsewhere

    def by_kid(self, kid: str) -> Authority | None:
        if kid not in self._known:
            self.read_again()
        return self._known.get(kid)

    def signing(self, name: str) -> tuple[Authority, Any]:
        """The authority that certifies now, and its key: the newest that has begun and is here.

        Raises Unavailable without one.
        """
        now = self._clock.now()
        self.refresh()
        for attempt in (1, 2):
            for authority in reversed(self.named(name)):
                if self.signs(authority, now):
                    return authority, self._private[authority.kid]
            if attempt == 1:
                self.read_again()
        raise Unavailable(
            f"No authority {name} that can certify is here.",
            next_step=(
                "Run `civitas db upgrade`, which prepares it; under an offline root, take "
                "`civitas ca requests` to the ceremony, and its answer to `civitas ca install`."
            ),
        )

    def signs(self, authority: Authority, now: datetime) -> bool:
        """Whether it has begun, has not ended, is not revoked, and its key is here."""
        began = authority.signs_from is None or authority.signs_from <= now
        good = began and authority.covers(now) and not authority.revoked
        return good and self.holds(authority)

    def holds(self, authority: Authority) -> bool:
        """Whether its key is here, and was not revoked."""
        use = key_use(authority.name)
        held = {signer.kid: signer.private_key for signer in self._keys.signers(use)}
        self._private.update(held)
        return authority.kid in held

    def private_key(self, authority: Authority) -> Any:
        """The key of an authority, an earlier generation's too. Raises Unavailable without it."""
        if not self.holds(authority):
            raise Unavailable(
                f"The key of the authority {authority.slug} is not here.",
                next_step="What it signs comes from the ceremony, by `civitas ca install`.",
            )
        return self._private[authority.kid]

    def chain(self, authority: Authority) -> tuple[x509.Certificate, ...]:
        """From this authority up to its root."""
        chain = [authority]
        while not chain[-1].is_root:
            chain.append(self._known[chain[-1].issuer_kid])
        return tuple(link.certificate for link in chain)

    def roots(self) -> tuple[Authority, ...]:
        return tuple(authority for authority in self.all() if authority.is_root)

    def distrusted(self) -> tuple[Authority, ...]:
        if not self._known:
            self.read_again()
        return self._distrusted

    def recovering(self, now: datetime) -> tuple[Authority, ...]:
        """Distrusted ones whose holders may still come to fetch a certificate of the successor."""
        return tuple(a for a in self.distrusted() if a.recover_until and a.recover_until > now)

    def cross_certificates(self) -> tuple[x509.Certificate, ...]:
        """Roots certified by other roots of the city (RFC 4210 §4.4, RFC 7030 §4.1.3)."""
        if not self._known:
            self.read_again()
        return self._crosses

    def refresh(self) -> None:
        """Read again what is older than a second."""
        now = self._clock.now()
        if self._read_at is None or not timedelta(0) <= now - self._read_at < self.CACHE:
            self.read_again()

    def read_again(self) -> None:
        with self._reading:  # one after the other: what was read last is what stands
            self._read()

    def _read(self) -> None:
        self._read_at = self._clock.now()
        with self._database.read() as uow:
            rows = store.authority_rows(uow)
            crosses = store.cross_rows(uow)
            read = [(row, _parsed(row.certificate)) for row in rows]
            revoked = _revoked(uow, [f"{c.serial_number:x}" for _, c in read])
        found = {
            row.kid: Authority(
                row.name,
                row.generation,
                row.kid,
                certificate,
                row.issuer_kid,
                row.partitions,
                row.signs_from,
                row.distrusted_at,
                row.recover_until,
                f"{certificate.serial_number:x}" in revoked,
            )
            for row, certificate in read
        }
        self._known = {kid: a for kid, a in found.items() if _stands(a, found, self.plan)}
        self._distrusted = tuple(a for a in found.values() if a.distrusted_at is not None)
        self._crosses = tuple(
            _parsed(row.certificate)
            for row in crosses
            if row.subject_kid in self._known and row.issuer_kid in self._known
        )


def _revoked(uow: UnitOfWork, serials: Sequence[str]) -> set[str]:
    """Which of these few our record says are revoked: one look at each, by primary key."""
    found = select(certificates.c.serial).where(
        certificates.c.serial.in_(serials), certificates.c.revoked_at.is_not(None)
    )
    return {row.serial for row in uow.all(found)}


def _stands(
    authority: Authority, found: Mapping[str, Authority], planned: Mapping[str, plan.Planned]
) -> bool:
    """Whether its issuer signed it and may, and both are trusted: a changed row is no authority."""
    issuer, place = found.get(authority.issuer_kid), planned.get(authority.name)
    if issuer is None or place is None or issuer.name != (place.issuer or authority.name):
        return False
    if authority.distrusted_at is not None or issuer.distrusted_at is not None:
        return False
    return _certified(authority.certificate, issuer.certificate)


# The hierarchy is read each second: what a few certificates say of each other stays the same.


@lru_cache(maxsize=256)
def _parsed(der: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(der)


@lru_cache(maxsize=256)
def _certified(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer signed it, as an authority."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def pem(certificates: tuple[x509.Certificate, ...]) -> bytes:
    return b"".join(c.public_bytes(Encoding.PEM) for c in certificates)
