"""Issuing: lint, record, sign, record — the order of Boulder's ISSUANCE-CYCLE, RFC 5280 §4.1.2.2.

A serial is on record before anything is signed, so no certificate of ours is unknown to us, even
if the process dies in between; what it left behind is completed or voided at the next start.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from sqlalchemy import Row
from sqlalchemy.exc import IntegrityError

from foundation.audit import Actor, Audit
from foundation.database import Database, UnitOfWork
from foundation.errors import Conflict, Problem
from pki import drafting, lint, names, preflight, store
from pki.certificate import IssuedCertificate
from pki.hierarchy import Hierarchy
from pki.ports import Admission, EnrolmentGate
from pki.profile import Profile
from pki.refusals import EnrolmentRefused, RequestRefused
from pki.request import CertificateRequest
from pki.thumbprint import x5t_s256

log = logging.getLogger("civitas.pki")


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of the serials that a crash left unsigned."""

    completed: int
    voided: int


class Issuance:
    """The one way by which a certificate comes into being, whatever protocol asked for it."""

    def __init__(
        self,
        database: Database,
        audit: Audit,
        hierarchy: Hierarchy,
        profiles: Mapping[str, Profile],
    ) -> None:
        self._database = database
        self._audit = audit
        self._hierarchy = hierarchy
        self._profiles = profiles

    def issue(
        self,
        admission: Admission,
        request: CertificateRequest,
        gate: EnrolmentGate,
        now: datetime,
    ) -> IssuedCertificate:
        """The certificate of this admission: a new one, or the one that it already led to.

        Raises RequestRefused when a field does not fit, EnrolmentRefused when the gate says no.
        """
        lint.check(request, self._profiles[admission.profile], admission)
        try:
            row = self._record(admission, request, gate, now)
        except IntegrityError:
            # Somebody recorded the same admission at the same moment.
            with self._database.read() as uow:
                first = store.by_reference(uow, admission.reference)
            if first is None or first.public_key != request.public_key.digest:
                raise
            row = first
        return self._finish(row, gate, now)

    def complete_or_void(self, gate: EnrolmentGate, now: datetime) -> Settled:
        """Settle every recorded, unsigned serial; safe beside processes that are issuing."""
        with self._database.read() as uow:
            rows = store.unsigned(uow)
        completed = voided = 0
        for row in rows:
            try:
                self._finish(row, gate, now)
                completed += 1
            except Problem as refusal:
                log.warning("serial %s voided: %s", row.serial, refusal.description)
                voided += 1
        return Settled(completed, voided)

    def _record(
        self,
        admission: Admission,
        request: CertificateRequest,
        gate: EnrolmentGate,
        now: datetime,
    ) -> Row[Any]:
        profile = self._profiles[admission.profile]
        authority, private_key = self._hierarchy.signing(profile.issuer)
        end = min(now + profile.lifetime, authority.certificate.not_valid_after_utc)
        draft = drafting.Draft(
            serial=x509.random_serial_number(),
            profile=profile,
            subject=names.subject(admission.common_name),
            public_key=request.public_key.load(),
            alternative_names=admission.names,
            not_before=(now - profile.backdate).replace(microsecond=0),
            not_after=end.replace(microsecond=0),
        )
        to_be_signed = preflight.examine(draft, authority.certificate, private_key)
        serial = f"{draft.serial:x}"
        with self._database.write() as uow:
            gate.bind(uow, admission, request.public_key.digest, now)
            # The gate holds its row now: whoever came first under this admission is visible.
            # Inserting beside them would wait for their second write, which waits for the gate.
            first = store.by_reference(uow, admission.reference)
            if first is not None and first.public_key == request.public_key.digest:
                return first
            if not store.hold_key(uow, request.public_key.digest, admission.holder, now):
                raise RequestRefused(
                    "subjectPKInfo",
                    "This public key is already held by somebody else.",
                    "Make a new key on the device itself; never copy one from another device.",
                    detail=admission.holder,
                )
            return store.record(
                uow,
                serial=serial,
                authority_kid=authority.kid,
                profile=profile.name,
                holder=admission.holder,
                reference=admission.reference,
                common_name=admission.common_name,
                names=list(admission.names),
                public_key=request.public_key.digest,
                public_key_der=request.public_key.der,
                to_be_signed=to_be_signed,
                not_before=draft.not_before,
                not_after=draft.not_after,
                recorded_at=now,
            )

    def _finish(self, row: Row[Any], gate: EnrolmentGate, now: datetime) -> IssuedCertificate:
        """Sign and record what is on record unsigned; what is signed already is returned."""
        if row.state == "recorded":
            certificate = self._sign(row, now)
            try:
                row = self._record_signed(row, certificate, gate, now)
            except Problem as refusal:
                self._void(row.serial, refusal.code, now)
                raise
        if row.state != "issued":
            raise Conflict(
                "This issuance was given up.", next_step="Send the request again.",
                detail=row.serial,
            )  # fmt: skip
        if row.revoked_at is not None:
            raise EnrolmentRefused(
                "certificate_revoked",
                "The certificate that this request led to was revoked.",
                "Ask the operator for a new enrolment token.",
            )
        return store.as_issued(row)

    def _sign(self, row: Row[Any], now: datetime) -> bytes:
        profile = self._profiles.get(row.profile)
        authority, private_key = self._hierarchy.signing(profile.issuer if profile else "devices")
        certificate = None
        if profile is not None and authority.kid == row.authority_kid and row.not_after > now:
            draft = drafting.Draft(
                serial=int(row.serial, 16),
                profile=profile,
                subject=names.subject(row.common_name),
                public_key=load_der_public_key(row.public_key_der),
                alternative_names=row.names,
                not_before=row.not_before,
                not_after=row.not_after,
            )
            certificate = drafting.sign(draft, authority.certificate, private_key)
        # Only what was linted and recorded is ever signed; a profile or an authority that
        # changed since then voids the serial.
        if certificate is None or certificate.tbs_certificate_bytes != row.to_be_signed:
            self._void(row.serial, "changed_since_recorded", now)
            raise Conflict(
                "The profile or the authority changed while this certificate was issued.",
                next_step="Send the request again.",
                detail=row.serial,
            )
        return certificate.public_bytes(Encoding.DER)

    def _record_signed(
        self, row: Row[Any], der: bytes, gate: EnrolmentGate, now: datetime
    ) -> Row[Any]:
        with self._database.write() as uow:
            signed = store.signed(uow, row.serial, der, x5t_s256(der), now)
            if signed is None:
                # Another thread or process finished, or voided, the same serial.
                return store.by_serial(uow, row.serial) or row
            admission = Admission(
                row.reference, row.holder, row.profile, row.common_name, tuple(row.names)
            )
            gate.issued(uow, admission, store.as_issued(signed), now)
            self._audit_issued(uow, signed)
        return signed

    def _audit_issued(self, uow: UnitOfWork, row: Row[Any]) -> None:
        self._audit.record(
            uow,
            "certificate.issued",
            Actor("system", "pki"),
            details={
                "serial": row.serial,
                "profile": row.profile,
                "holder": row.holder,
                "thumbprint": row.thumbprint,
            },
        )

    def _void(self, serial: str, reason: str, now: datetime) -> None:
        with self._database.write() as uow:
            if store.void(uow, serial, reason, now):
                self._audit.record(
                    uow,
                    "certificate.voided",
                    Actor("system", "pki"),
                    details={"serial": serial, "reason": reason},
                )
