"""Revocation: at once at our own doors, by a list for everybody else — RFC 5280 §5."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from foundation.audit import Actor, Audit
from foundation.database import Database, UnitOfWork
from foundation.errors import NotFound
from pki import store
from pki.drafting import hash_for, key_of
from pki.hierarchy import Hierarchy

REASONS: Mapping[str, x509.ReasonFlags] = MappingProxyType(
    {flag.value: flag for flag in x509.ReasonFlags if flag.value != "removeFromCRL"}
)


@dataclass(frozen=True, slots=True)
class _Made:
    der: bytes
    at: datetime
    last: datetime | None


class Revocation:
    def __init__(
        self, database: Database, audit: Audit, hierarchy: Hierarchy, valid_for: timedelta
    ) -> None:
        self._database = database
        self._audit = audit
        self._hierarchy = hierarchy
        self._valid_for = valid_for
        self._made: dict[str, _Made] = {}
        self._lock = Lock()

    def revoke(self, uow: UnitOfWork, serial: str, reason: str, now: datetime) -> bool:
        """Revoke a certificate inside the caller's act; whether it was this call that did.

        `reason` is a CRLReason of RFC 5280 §5.3.1 by its name, such as "keyCompromise".
        """
        if reason not in REASONS:
            raise ValueError(f"{reason!r} is not a CRLReason")
        revoked = store.revoke(uow, serial, reason, now)
        if revoked:
            self._audit.record(
                uow,
                "certificate.revoked",
                Actor("system", "pki"),
                details={"serial": serial, "reason": reason},
            )
        return revoked

    def crl(self, name: str, now: datetime) -> bytes:
        """The full list of an authority, DER. Kept until a certificate is revoked or it ages."""
        authority = self._hierarchy.by_slug(name)
        if authority is None:
            raise NotFound("There is no authority of that name.", where="authority")
        private_key = self._hierarchy.private_key(authority)
        with self._database.read() as uow:
            last = store.last_revocation(uow, authority.kid)
        made = self._made.get(authority.kid)
        if made and made.last == last and timedelta(0) <= now - made.at < self._valid_for / 4:
            return made.der
        with self._lock:
            with self._database.read() as uow:
                rows = store.revoked(uow, authority.kid, now)
            builder = (
                x509.CertificateRevocationListBuilder()
                .issuer_name(authority.certificate.subject)
                .last_update(now)
                .next_update(now + self._valid_for)
                .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
                .add_extension(key_of(authority.certificate), critical=False)
            )
            for row in rows:
                builder = builder.add_revoked_certificate(
                    x509.RevokedCertificateBuilder()
                    .serial_number(int(row.serial, 16))
                    .revocation_date(row.revoked_at)
                    .add_extension(x509.CRLReason(REASONS[row.revocation_reason]), critical=False)
                    .build()
                )
            der = builder.sign(private_key, hash_for(private_key)).public_bytes(Encoding.DER)
            self._made[authority.kid] = _Made(der, now, last)
        return der
