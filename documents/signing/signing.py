"""A signature at a distance: asked for, seen, agreed, made, fetched — CSC API 2.x, eIDAS Art. 26.

Consent, key, certificate, signature, in this order. The key lives in one call and is written
nowhere. What a crash leaves between consent and signature is given up: its certificate is revoked,
no signature leaves, and the person's ledger says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from documents.signing import formats, store
from documents.signing.ports import Parties
from documents.signing.sealing import Sealing
from documents.signing.settings import SigningSettings
from documents.signing.transaction import SIGNED, Asked, Made, Transaction
from foundation import opaque
from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import Conflict, Forbidden, NotFound, Over, Unavailable, Unprocessable
from foundation.marking import N_
from foundation.runtime import Runtime
from pki import CertificateAuthority, OneAct, TimeStampRefused

GIVEN_UP_AFTER = timedelta(minutes=2)
"""A signature takes a second: what has not ended by then was left by a crash."""


class Signing:
    """Safe to share between threads."""

    def __init__(self, runtime: Runtime, authority: CertificateAuthority, parties: Parties) -> None:
        self.runtime = runtime
        self.authority = authority
        self.parties = parties
        self.settings = runtime.settings.of(SigningSettings)
        self.sealing = Sealing(runtime, authority)
        now = runtime.clock.now
        runtime.jobs.periodic(
            "signatures given up", timedelta(minutes=1), lambda: self.settle(now())
        )
        runtime.jobs.periodic("old signatures", timedelta(minutes=10), lambda: self._sweep(now()))

    def ready(self, now: datetime) -> None:
        """At each start."""
        self.sealing.ready(now)

    # ── a service asks ────────────────────────────────────────────────────────────────

    def ask(
        self,
        service_id: str,
        asked: Asked,
        now: datetime,
        *,
        level: int = 0,
        sub: str = "",
        return_uri: str = "",
    ) -> Transaction:
        """A new transaction. Raises Unprocessable, TooManyRequests, and Unavailable where a time
        stamp is asked for that cannot be had."""
        if return_uri and not self.parties.comes_back_to(service_id, return_uri):
            raise Unprocessable(
                "return_uri is not one that this service registered.",
                where="return_uri",
                next_step="Write one of its redirect_uris, character by character.",
            )
        person_id = self.parties.meant(service_id, sub) if sub else None
        if sub and person_id is None:
            raise Unprocessable("Nobody is known to this service as that sub.", where="sub")
        if asked.is_stamped:
            self._clock_is_trusted()
        transaction_id = opaque.identifier("sig")
        expires_at = now + timedelta(minutes=self.settings.minutes)
        with self.runtime.database.write() as uow:
            most, minute = self.settings.asked_per_minute, timedelta(minutes=1)
            self.runtime.rates.attempt(uow, "signing.ask", service_id, most, minute, now)
            store.add(
                uow,
                id=transaction_id,
                service_id=service_id,
                person_id=person_id,
                level=max(level, self.settings.least_level),
                asked=asked.as_json(),
                return_uri=return_uri,
                created_at=now,
                expires_at=expires_at,
                kept_until=expires_at + timedelta(hours=self.settings.keep_hours),
            )
            found = store.find(uow, transaction_id)
        assert found is not None  # noqa: S101 - it was added in this unit of work
        return found

    def find(self, transaction_id: str) -> Transaction:
        """Raises NotFound."""
        with self.runtime.database.read() as uow:
            found = store.find(uow, transaction_id)
        if found is None:
            raise NotFound(
                N_("There is no such signature, or it was asked for too long ago."),
                next_step=N_("Go back to the service that asked you to sign, and begin again."),
            )
        return found

    def of_service(self, service_id: str, transaction_id: str) -> Transaction:
        """A transaction that this service asked for. Raises NotFound, for others' too."""
        found = self.find(transaction_id)
        if found.service_id != service_id:
            raise NotFound("There is no such transaction of yours.", where="transaction")
        return found

    def signed_for(self, service_id: str) -> list[str]:
        with self.runtime.database.read() as uow:
            return list(store.of_service(uow, service_id, 100))

    # ── the person answers ────────────────────────────────────────────────────────────

    def refuse(self, found: Transaction, person_id: str, now: datetime) -> None:
        """The person says no. Raises Over when it was answered already."""
        details = self._details(found)
        with self.runtime.database.write() as uow:
            if not store.refuse(uow, found.id, person_id, now):
                raise _over()
            self._tell(uow, "signature.refused", person_id, details)

    def sign(self, found: Transaction, person_id: str, level: int, now: datetime) -> None:
        """The person, who proved who they are at this level for this transaction, says yes.

        Raises Over for what was answered before or too late, Forbidden for too low a level, and
        what keeps a certificate from being issued.
        """
        if level < found.level:
            raise Forbidden(N_("This signature needs a stronger proof of who you are."))
        name = self.parties.name_of(person_id)
        if not name:
            raise Forbidden(N_("Your identity is not active, so nothing can be signed with it."))
        with self.runtime.database.write() as uow:
            if not store.begin(uow, found.id, person_id, now):
                raise _over()
        try:
            with self.authority.one_act(found.id, name, now) as act:
                made = self._make(found.asked, act, now)
            self._conclude(found, person_id, level, act.certificate.serial, made)
        except Exception:
            self._give_up(found.id, found.service_id, person_id, now)
            raise

    def _make(self, asked: Asked, act: OneAct, now: datetime) -> Made:
        later = self.authority.evidence(act.certificate.der, now) if asked.is_for_later else None
        return formats.sign(asked, act.by, now, self.authority.time_stamping.stamp_over, later)

    def _conclude(
        self, found: Transaction, person_id: str, level: int, serial: str, made: Made
    ) -> None:
        details = self._details(found, level=level, serial=serial)
        with self.runtime.database.write() as uow:
            if not store.conclude(uow, found.id, made):
                raise Conflict(N_("This took too long, and was given up. Nothing was signed."))
            # The one entry of this signature: without it there is none.
            self._tell(uow, "signature.made", person_id, details)

    # ── the service fetches ───────────────────────────────────────────────────────────

    def authorize(self, found: Transaction) -> str:
        """Signature activation data for what the person agreed to: it works once."""
        sad = opaque.secret()
        with self.runtime.database.write() as uow:
            if not store.give_sad(uow, found.id, opaque.digest(sad)):
                raise NotFound("There is nothing signed under this credential.")
        return sad

    def spend(self, found: Transaction, sad: str) -> Made | None:
        """What was signed; None for activation data that is wrong or was used."""
        with self.runtime.database.write() as uow:
            if found.state != SIGNED or not store.spend_sad(uow, found.id, opaque.digest(sad)):
                return None
        return found.made

    # ── what a crash left ─────────────────────────────────────────────────────────────

    def settle(self, now: datetime) -> int:
        """Give up what was begun and never ended; how many."""
        with self.runtime.database.read() as uow:
            left = store.abandoned(uow, now - GIVEN_UP_AFTER)
        for transaction_id, service_id, person_id in left:
            self._give_up(transaction_id, service_id, person_id, now)
        return len(left)

    def _give_up(self, transaction_id: str, service_id: str, person_id: str, now: datetime) -> None:
        with self.runtime.database.write() as uow:
            if store.fail(uow, transaction_id):
                self.authority.give_up_act(uow, transaction_id, now)
                self.runtime.audit.record(
                    uow,
                    "signature.failed",
                    Actor("system", "signing"),
                    (person_id,),
                    {"service": service_id, "transaction": transaction_id},
                )

    def _sweep(self, now: datetime) -> int:
        with self.runtime.database.write() as uow:
            return store.sweep(uow, now)

    def _clock_is_trusted(self) -> None:
        try:
            self.authority.time_stamping.accuracy()
        except TimeStampRefused as refused:
            raise Unavailable(
                refused.sentence, next_step="Ask for Ades-B-B, or tell the operator."
            ) from refused

    def _details(self, found: Transaction, **more: Any) -> dict[str, Any]:
        return {
            "service": found.service_id,
            "service_name": self.parties.service_name(found.service_id),
            "transaction": found.id,
            "titles": [d.title for d in found.asked.documents],
            "hashes": [d.digest.hex() for d in found.asked.documents],
            **more,
        }

    def _tell(self, uow: UnitOfWork, kind: str, person_id: str, details: Mapping[str, Any]) -> None:
        self.runtime.audit.record(uow, kind, Actor("citizen", person_id), (person_id,), details)


def _over() -> Over:
    return Over(
        N_("This signature was answered already, or the time for it is over."),
        next_step=N_("Go back to the service that asked you to sign, and begin again."),
    )
