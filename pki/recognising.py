"""Whether a certificate is one of our own for a job, and good now — RFC 5280 §6.1.

Whoever shows something that we signed shows the certificate with it: it has to lead to our roots,
and to stand on our record, which knows within the second what was revoked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import bindparam, select

from foundation.database import Database
from pki import path
from pki.hierarchy.hierarchy import Authority, Hierarchy
from pki.own_signer import Job
from pki.path import standing
from pki.tables import certificates

_c = certificates.c
_ON_RECORD = select(_c.certificate, _c.revoked_at).where(
    _c.serial == bindparam("serial"), _c.holder == bindparam("holder"), _c.state == "issued"
)
_AS_SIGNER = path.Rules(extended_key_usage=None, revocation="elsewhere")


class UnknownSigner(Exception):
    """A certificate that is not one of ours for this, or not good now. `reason`: one word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Known:
    """A key whose path held, under these authorities and for this time."""

    authorities: tuple[str, ...]
    holds_from: datetime
    holds_until: datetime
    key: Any


class Recognising:
    """Looks at the record each time, and walks a path once; safe to share between threads."""

    def __init__(self, database: Database, hierarchy: Hierarchy) -> None:
        self._database = database
        self._hierarchy = hierarchy
        self._known: dict[bytes, _Known] = {}

    def key_of(self, job: Job, der: bytes, now: datetime) -> Any:
        """The public key of this certificate. Raises UnknownSigner."""
        try:
            certificate = x509.load_der_x509_certificate(der)
        except ValueError:
            raise UnknownSigner("malformed") from None
        said = {"serial": f"{certificate.serial_number:x}", "holder": job.holder}
        with self._database.read() as uow:
            found = uow.one(_ON_RECORD, said)
            revoked = standing.revoked_authorities(uow)
        if found is None or found.certificate != der:
            raise UnknownSigner("unknown")
        if found.revoked_at is not None:
            raise UnknownSigner("revoked")
        trusted = [
            a for a in self._hierarchy.all() if f"{a.certificate.serial_number:x}" not in revoked
        ]
        authorities = tuple(a.kid for a in trusted)
        known = self._known.get(der)
        if (
            known is None
            or known.authorities != authorities
            or not known.holds_from <= now <= known.holds_until
        ):
            known = self._walked(certificate.public_key(), der, trusted, authorities, now)
            self._known = {der: known}  # one signs at a time: the one before comes seldom
        return known.key

    def _walked(
        self,
        key: Any,
        der: bytes,
        trusted: Sequence[Authority],
        authorities: tuple[str, ...],
        now: datetime,
    ) -> _Known:
        roots = [a.certificate.public_bytes(Encoding.DER) for a in trusted if a.is_root]
        between = [a.certificate.public_bytes(Encoding.DER) for a in trusted if not a.is_root]
        try:
            valid = path.trust_in(roots, between).validate(der, _AS_SIGNER, now)
        except path.PathRefused as refusal:
            raise UnknownSigner(refusal.reason) from None
        return _Known(authorities, valid.not_before, valid.not_after, key)
