"""Issuing: lint, record, sign, record — the order of Boulder's ISSUANCE-CYCLE, RFC 5280 §4.1.2.2.

A serial is on record before anything is signed, so no certificate of ours is unknown to us, even
if the process dies in between; what it left behind is completed or voided at the next start.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cryptography import x509
from sqlalchemy import Row

from foundation.audit import Actor, Audit
from foundation.database import Database, UnitOfWork
from foundation.errors import Conflict, Problem, Unavailable
from pki import store
from pki.hierarchy.hierarchy import Authority, Hierarchy
from pki.issuing import drafting, lint, preflight
from pki.issuing.status_links import StatusPlaces
from pki.ports import Admission, Registrar
from pki.profiles.profile import EACH, Profile
from pki.refusals import EnrolmentRefused, RequestRefused
from pki.requests.request import CertificateRequest
from pki.x509 import names
from pki.x509.certificate import IssuedCertificate
from pki.x509.thumbprint import x5t_s256

AT_ONCE = 200
"""Of what a crash left unsigned, so many are read in one unit of work."""
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
        places: StatusPlaces,
    ) -> None:
        self._database = database
        self._audit = audit
        self._hierarchy = hierarchy
        self._profiles = profiles
        self._places = places

    def issue(
        self,
        admission: Admission,
        request: CertificateRequest,
        registrar: Registrar,
        now: datetime,
    ) -> IssuedCertificate:
        """The certificate of this admission: a new one, or the one that it already led to.

        Raises RequestRefused when a field does not fit, EnrolmentRefused when the registrar says
        no.
        """
        profile = self._profiles[admission.profile]
        admission = replace(admission, names=lint.canonical_names(admission.names, profile))
        lint.check(request, profile, admission)
        left_out = lint.left_out(request, profile)
        authority, private_key = self._signing(profile)
        serial = x509.random_serial_number()
        partition = serial % authority.partitions
        draft = drafting.Draft(
            serial=serial,
            profile=profile,
            subject=names.subject(admission.common_name, profile.subject),
            public_key=request.public_key.der,
            alternative_names=admission.names,
            not_before=(now - profile.backdate).replace(microsecond=0),
            not_after=_end(profile, authority, now),
            links=self._places.links(authority.slug, partition),
        )
        body = preflight.examine(draft, authority.certificate, private_key)
        with self._database.write() as uow:
            self._take_the_place(uow, admission, now)
            registrar.bind(uow, admission, request.public_key.digest, now)
            is_new = store.hold_and_record(
                uow,
                serial=f"{draft.serial:x}",
                authority_kid=authority.kid,
                partition=partition,
                profile=profile.name,
                holder=admission.holder,
                reference=admission.reference,
                public_key=request.public_key.digest,
                body=body,
                not_before=draft.not_before,
                not_after=draft.not_after,
                recorded_at=now,
            )
            if is_new is None:
                raise RequestRefused(
                    "subjectPKInfo",
                    "This public key is already held by somebody else.",
                    "Make a new key on the device itself; never copy one from another device.",
                    detail=admission.holder,
                )
            earlier = None if is_new else self._earlier(uow, admission, request)
        with self._given_back(
            earlier.serial if earlier is not None else f"{draft.serial:x}",
            admission,
            request.public_key.digest,
            registrar,
            now,
        ):
            if earlier is not None:
                return self._finish(earlier, registrar, now, left_out)
            # Only what was examined and recorded is ever signed.
            der = self._sign(body, private_key)
            issued = IssuedCertificate(
                serial=f"{draft.serial:x}",
                reference=admission.reference,
                holder=admission.holder,
                profile=profile.name,
                public_key=request.public_key.digest,
                thumbprint=x5t_s256(der),
                not_before=draft.not_before,
                not_after=draft.not_after,
                der=der,
                left_out=left_out,
            )
            return self._conclude(issued, admission, registrar, now)

    @contextmanager
    def _given_back(
        self, serial: str, admission: Admission, key: str, registrar: Registrar, now: datetime
    ) -> Iterator[None]:
        """What fails for a reason of ours spends nothing: another key may come by the same leave.

        A refusal is no such reason, and a crash none that can be told from an attempt under way.
        """
        try:
            yield
        except Exception as error:
            if isinstance(error, Unavailable) or not isinstance(error, Problem):
                try:
                    with self._database.write() as uow:
                        if store.void(uow, serial, "not_signed", now):
                            self._tell_voided(uow, serial, "not_signed")
                            registrar.give_back(uow, admission, key)
                except Exception:  # the registrar finds it unsigned, in a while
                    log.warning("serial %s stays on record, unsigned", serial, exc_info=True)
            raise

    def _take_the_place(self, uow: UnitOfWork, admission: Admission, now: datetime) -> None:
        for reference in admission.instead_of:
            earlier = store.by_reference(uow, reference)
            if earlier is None or not store.void(uow, earlier.serial, "not_signed", now):
                raise Conflict(
                    "This leave was spent on another key.",
                    next_step="Send the request again.",
                    detail=reference,
                )
            self._tell_voided(uow, earlier.serial, "not_signed")

    def _earlier(
        self, uow: UnitOfWork, admission: Admission, request: CertificateRequest
    ) -> Row[Any]:
        """What this leave led to before: the certificate of a lost answer, or of a twin request."""
        first = store.by_reference(uow, admission.reference)
        if first is None or first.public_key != request.public_key.digest:
            raise Conflict(
                "This leave was spent on another key.",
                next_step="Send the request again.",
                detail=admission.reference,
            )
        return first

    def complete_or_void(self, registrar: Registrar, now: datetime) -> Settled:
        """Settle every recorded, unsigned serial; safe beside processes that are issuing."""
        completed = voided = 0
        for row in self._unsigned():
            profile = self._profiles.get(row.profile)
            if profile is not None and profile.one_act:
                continue  # whoever made its key gives it up, or is at it now
            try:
                self._finish(row, registrar, now)
                completed += 1
            except Unavailable as unavailable:  # the token is away: the next start completes it
                log.warning("serial %s waits: %s", row.serial, unavailable.description)
            except Problem as refusal:
                log.warning("serial %s voided: %s", row.serial, refusal.description)
                voided += 1
        return Settled(completed, voided)

    def _unsigned(self) -> Iterator[Row[Any]]:
        last = ""
        while True:
            with self._database.read() as uow:
                rows = store.unsigned(uow, last, AT_ONCE)
            yield from rows
            if len(rows) < AT_ONCE:
                return
            last = rows[-1].serial

    def _finish(
        self, row: Row[Any], registrar: Registrar, now: datetime, left_out: tuple[str, ...] = ()
    ) -> IssuedCertificate:
        """What an earlier call recorded: sign it if that one did not, else return it."""
        if row.state != "recorded":
            return replace(_standing(row), left_out=left_out)
        draft, private_key = self._drafted_again(row, now)
        admission = Admission(
            row.reference,
            row.holder,
            row.profile,
            names.common_name(draft.subject),
            tuple(draft.alternative_names),
        )
        der = self._sign(row.body, private_key)
        issued = replace(store.as_issued(row._asdict(), der), left_out=left_out)
        return self._conclude(issued, admission, registrar, now)

    def _drafted_again(self, row: Row[Any], now: datetime) -> tuple[drafting.Draft, Any]:
        """What was recorded, and the key that signs it: if it would be written the same today."""
        profile = self._profiles.get(row.profile)
        # An authority's certificate and a responder's are begun anew by those who make them.
        made_here = profile is not None and profile.issuer not in (None, EACH)
        if profile is not None and made_here and row.not_after > now:
            authority, private_key = self._signing(profile)
            links = self._places.links(authority.slug, row.partition)
            with suppress(preflight.DraftRefused, ValueError):
                draft = drafting.read(row.body or b"", profile, links)
                if _is_on_record(draft, row):
                    body = preflight.examine(draft, authority.certificate, private_key)
                    if body == row.body:
                        return draft, private_key
        self._void(row.serial, "changed_since_recorded", now)
        raise Conflict(
            "The profile or the authority changed while this certificate was issued.",
            next_step="Send the request again.",
            detail=row.serial,
        )

    def _signing(self, profile: Profile) -> tuple[Authority, Any]:
        assert profile.issuer is not None  # noqa: S101 - an authority's profile never comes here
        return self._hierarchy.signing(profile.issuer)

    def _sign(self, body: bytes, private_key: Any) -> bytes:
        return drafting.signed(body, private_key)

    def _conclude(
        self, issued: IssuedCertificate, admission: Admission, registrar: Registrar, now: datetime
    ) -> IssuedCertificate:
        try:
            return self._record_signed(issued, admission, registrar, now)
        except Unavailable:
            raise
        except Problem as refusal:
            self._void(issued.serial, refusal.code, now)
            raise

    def _record_signed(
        self, issued: IssuedCertificate, admission: Admission, registrar: Registrar, now: datetime
    ) -> IssuedCertificate:
        with self._database.write() as uow:
            if store.signed(uow, issued, now):
                registrar.issued(uow, admission, issued, now)
                return issued
            row = store.by_serial(uow, issued.serial)
            if row is not None and row.state == "recorded":
                raise store.key_is_banned()  # since it was recorded
            # Another thread or process finished, or voided, the same serial.
            return _standing(row)

    def give_up(self, uow: UnitOfWork, holder: str, reason: str, now: datetime) -> None:
        """Void what was begun for this holder, inside the caller's unit of work."""
        for serial in store.void_unsigned(uow, holder, reason, now):
            self._tell_voided(uow, serial, reason)

    def _void(self, serial: str, reason: str, now: datetime) -> None:
        with self._database.write() as uow:
            if store.void(uow, serial, reason, now):
                self._tell_voided(uow, serial, reason)

    def _tell_voided(self, uow: UnitOfWork, serial: str, reason: str) -> None:
        details = {"serial": serial, "reason": reason}
        self._audit.record(uow, "certificate.voided", Actor("system", "pki"), details=details)


def _is_on_record(draft: drafting.Draft, row: Row[Any]) -> bool:
    """Whether a body says of serial, key and end what its row does, which is under a MAC."""
    key = hashlib.sha256(draft.public_key).hexdigest()
    said = (f"{draft.serial:x}", key, draft.not_after)
    return said == (row.serial, row.public_key, row.not_after)


def _end(profile: Profile, authority: Authority, now: datetime) -> datetime:
    if profile.lifetime is None:
        return drafting.NO_WELL_DEFINED_END
    end = min(now + profile.lifetime, authority.certificate.not_valid_after_utc)
    return end.replace(microsecond=0)


def _standing(row: Row[Any] | None) -> IssuedCertificate:
    """A certificate that was issued before, if it still stands."""
    if row is None or row.state != "issued":
        raise Conflict("This issuance was given up.", next_step="Send the request again.")
    if row.revoked_at is not None and row.revocation_reason == "superseded":
        raise EnrolmentRefused(
            "certificate_superseded",
            "The certificate that this request led to was replaced by newer ones.",
            "Use the newest one, or send a request for a new key.",
        )
    if row.revoked_at is not None:
        raise EnrolmentRefused(
            "certificate_revoked",
            "The certificate that this request led to was revoked.",
            "Ask the operator for a new enrolment token.",
        )
    return store.as_issued(row._asdict(), row.certificate)
