"""Who answers for each authority: a key and a certificate of its own — RFC 6960 §2.6, §4.2.2.2.

So an answer costs no use of the authority's key, which may be slow, in a token, or resting. The
certificate lasts thirty days and is renewed while a third of them is left.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from sqlalchemy import Row, func, select

from foundation import event_loop
from foundation.audit import Actor, Audit
from foundation.database import Database, UnitOfWork
from foundation.errors import Unavailable
from foundation.keys import Keys, Signer
from pki.hierarchy.hierarchy import Authority, Hierarchy, key_use
from pki.issuing import drafting, own_certificates, preflight
from pki.issuing.status_links import StatusPlaces
from pki.profiles.profile import Profile
from pki.refusals import RequestRefused
from pki.tables import certificates
from pki.x509 import names
from pki.x509.public_key import describe

PROFILE = "ocsp"
SEEN_FOR = timedelta(seconds=1)
"""After this long a responder that another process renewed or revoked is noticed."""


@dataclass(frozen=True, slots=True)
class Responder:
    """What signs an answer: `key_hash` as RFC 6960 §4.2.1 defines it, `algorithm` as DER."""

    private_key: Any = field(repr=False)
    certificate: bytes = field(repr=False)
    key_hash: bytes
    algorithm: bytes
    not_after: datetime


def responder_use(name: str) -> str:
    """The use of a responder's key, by its authority's name."""
    return f"ocsp-{name}"


class Responders:
    def __init__(
        self,
        database: Database,
        audit: Audit,
        keys: Keys,
        hierarchy: Hierarchy,
        profiles: Mapping[str, Profile],
        places: StatusPlaces,
    ) -> None:
        self._database = database
        self._audit = audit
        self._keys = keys
        self._hierarchy = hierarchy
        self._profile = profiles[PROFILE]
        self._places = places
        self._seen: dict[str, tuple[datetime, Responder]] = {}
        self._lock = event_loop.Lock()

    def prepare(self, now: datetime) -> None:
        """Make the missing keys and certificates; idempotent. `civitas init` and upgrades."""
        for planned in self._hierarchy.plan.values():
            signers = self._keys.signers(key_use(planned.name))
            if signers and not planned.is_root:
                self._keys.ensure(responder_use(planned.name), signers[-1].algorithm)
        self.renew(now)

    def renew(self, now: datetime) -> int:
        """Periodic: certify each responder of an authority whose key is here; how many anew."""
        made = 0
        for authority in self._hierarchy.all():
            if not authority.is_root and authority.covers(now):
                with suppress(Unavailable):
                    made += self._renew(authority, now)
        return made

    def standing(self, authority: Authority, now: datetime) -> Responder:
        """Who answers for this authority. Raises Unavailable when nobody can."""
        seen = self._seen.get(authority.kid)
        if seen is not None and timedelta(0) <= now - seen[0] < SEEN_FOR:
            return seen[1]
        responder = self._find(authority, now)
        if responder is None:
            with self._lock:
                self._renew(authority, now)
            responder = self._find(authority, now)
        if responder is None:
            raise Unavailable(
                f"Nobody answers for {authority.slug}.",
                next_step="Run `civitas db upgrade`, which makes the keys of responders.",
            )
        self._seen[authority.kid] = (now, responder)
        return responder

    def _find(self, authority: Authority, now: datetime) -> Responder | None:
        """The newest key that has a certificate, with the certificate that lasts longest."""
        with self._database.read() as uow:
            rows = [r for r in _certificates(uow, authority, now) if _good(r, now)]
        for signer in reversed(self._keys.signers(responder_use(authority.name))):
            digest = describe(signer.public_key).digest
            for row in rows:
                if row.public_key == digest:
                    return _responder(signer, row.certificate)
        return None

    # ── renewing ──────────────────────────────────────────────────────────────────────

    def _renew(self, authority: Authority, now: datetime) -> bool:
        """Certify the newest key, unless its certificate lasts for long enough yet."""
        signers = self._keys.signers(responder_use(authority.name))
        if not signers:
            return False
        signer = signers[-1]
        digest = describe(signer.public_key).digest
        with self._database.read() as uow:
            rows = [r for r in _certificates(uow, authority, now) if r.public_key == digest]
            before = _how_many(uow, authority, digest)
        lifetime = self._profile.lifetime or timedelta(0)
        # Near its own end an authority certifies for less: that is as long as it gets.
        enough = min(now + lifetime / 3, authority.certificate.not_valid_after_utc)
        if any(_good(row, now) and row.not_after >= enough for row in rows):
            return False
        # By how many there were: two processes at it make one certificate, and the next is another.
        reference = f"responder:{authority.slug}:{before}"
        try:
            return self._certify(authority, signer, reference, now)
        except RequestRefused:
            # Its key was revoked as compromised: another one answers from here on.
            use = responder_use(authority.name)
            self._keys.rotate(use, now, ahead=timedelta(0))
            return self._certify(authority, self._keys.signers(use)[-1], reference, now)

    def _certify(self, authority: Authority, signer: Signer, reference: str, now: datetime) -> bool:
        issuing_key = self._hierarchy.private_key(authority)
        key = describe(signer.public_key)
        draft = self._draft(authority, key.der, now)
        body = preflight.examine(draft, authority.certificate, issuing_key)
        record: dict[str, Any] = {
            "serial": f"{draft.serial:x}",
            "authority_kid": authority.kid,
            "partition": draft.serial % authority.partitions,
            "profile": PROFILE,
            # A key that answers for two generations has one holder.
            "holder": f"responder:{authority.name}",
            "reference": f"{reference}:{key.digest[:16]}",
            "public_key": key.digest,
            "body": body,
            "not_before": draft.not_before,
            "not_after": draft.not_after,
            "recorded_at": now,
        }

        def take_up(uow: UnitOfWork, der: bytes) -> None:
            self._audit.record(
                uow,
                "certificate.issued",
                Actor("system", "pki"),
                details={
                    "serial": record["serial"],
                    "profile": PROFILE,
                    "holder": record["holder"],
                    "authority": authority.slug,
                },
            )

        return own_certificates.certify(self._database, record, issuing_key, take_up, now)

    def _draft(self, authority: Authority, key: bytes, now: datetime) -> drafting.Draft:
        serial = x509.random_serial_number()
        end = min(
            now + (self._profile.lifetime or timedelta(0)),
            authority.certificate.not_valid_after_utc,
        )
        return drafting.Draft(
            serial=serial,
            profile=self._profile,
            subject=names.subject(f"{authority.slug} OCSP responder", self._profile.subject),
            public_key=key,
            alternative_names=(),
            not_before=(now - self._profile.backdate).replace(microsecond=0),
            not_after=end.replace(microsecond=0),
            links=self._places.links(authority.slug, serial % authority.partitions),
        )


def _certificates(uow: UnitOfWork, authority: Authority, now: datetime) -> list[Row[Any]]:
    """Those of its responder that have not ended, the one that lasts longest first."""
    c = certificates.c
    return list(
        uow.all(
            select(c.serial, c.public_key, c.certificate, c.not_before, c.not_after, c.revoked_at)
            .where(*_of_responder(authority), c.not_after > now)
            .order_by(c.not_after.desc(), c.issued_at.desc())
        )
    )


def _how_many(uow: UnitOfWork, authority: Authority, public_key: str) -> int:
    """How many were ever issued for a key of its responder."""
    query = select(func.count().label("n")).where(
        *_of_responder(authority), certificates.c.public_key == public_key
    )
    row = uow.one(query)
    return int(row.n) if row is not None else 0


def _of_responder(authority: Authority) -> tuple[Any, ...]:
    c = certificates.c
    theirs = (c.holder == f"responder:{authority.name}", c.authority_kid == authority.kid)
    return (*theirs, c.profile == PROFILE, c.state == "issued")


def _good(row: Row[Any], now: datetime) -> bool:
    return row.revoked_at is None and row.not_before <= now < row.not_after


def _responder(signer: Signer, certificate: bytes) -> Responder:
    parsed = x509.load_der_x509_certificate(certificate)
    identifier = x509.SubjectKeyIdentifier.from_public_key(parsed.public_key())
    assert len(identifier.digest) == hashlib.sha1(usedforsecurity=False).digest_size  # noqa: S101
    return Responder(
        signer.private_key,
        certificate,
        identifier.digest,
        drafting.signature_algorithm(signer.private_key),
        parsed.not_valid_after_utc,
    )
