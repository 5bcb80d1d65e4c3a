"""The end of a consent: its state and all that rests on it end together — GDPR art. 7(3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from foundation.audit import SYSTEM, Actor
from foundation.database import UnitOfWork
from foundation.errors import BadRequest, Conflict
from foundation.marking import N_, Sentence
from policies import store
from policies.consent import Consent
from policies.policies import Policies
from policies.ports import Ended, EndsWithConsent

LONGEST_REASON = 1000
EXPIRE_AT_ONCE = 500


@dataclass(frozen=True)
class Receipt:
    """What the citizen gets: the signed record, and what ended with the consent."""

    token: str
    consent: Consent
    ended: tuple[Ended, ...]


class Withdrawal:
    """The one way to withdraw, and what happens when the time of a consent is over.

    `ends` are told in order, inside the same unit of work.
    """

    def __init__(self, policies: Policies, ends: Sequence[EndsWithConsent]) -> None:
        self._policies = policies
        self._ends = tuple(ends)
        policies.runtime.jobs.periodic(
            "consents expire",
            timedelta(minutes=10),
            lambda: self.expire(policies.runtime.clock.now()),
        )

    def withdraw(
        self, consent_id: str, person_id: str, reason: str = "", by: Actor | None = None
    ) -> Receipt:
        """End a person's own consent now, and everything that rests on it.

        Of several at once one succeeds; the others, and a consent that already ended, raise
        Conflict. Raises NotFound for anybody else's consent. When one of the ends fails, nothing
        has changed. `by` is the actor when it is not the person (a guardian).
        """
        if len(reason) > LONGEST_REASON:
            raise BadRequest(
                N_(
                    "A reason has %(longest_reason)s characters at most.",
                    longest_reason=LONGEST_REASON,
                ),
                where="reason",
            )
        consents = self._policies.consent
        sealed = consents.seal_reason(person_id, consent_id, reason)
        now = self._policies.runtime.clock.now()
        with self._policies.runtime.database.write() as uow:
            consent = consents.get(consent_id, person_id, uow)
            if not store.withdraw(uow, consent_id, person_id, sealed, now):
                raise Conflict(
                    N_(
                        "This consent is not active: it is %(state)s.",
                        state=Sentence(consent.state, {}),
                    ),
                    next_step="Nothing is given by it any more; its receipt is in your account.",
                )
            ended = self._withdrawn(uow, consent, now, by)
        # Signed after the commit: no cryptography inside a write, and the record is the truth.
        withdrawn = consents.get(consent_id, person_id)
        return Receipt(self._policies.receipt(consent_id, person_id), withdrawn, ended)

    def withdraw_at(self, uow: UnitOfWork, person_id: str, service: str) -> Sequence[Consent]:
        """Every consent of the person that stands at this service, in the caller's unit of work;
        those that were withdrawn."""
        now = self._policies.runtime.clock.now()
        answers = self._policies.consent.at_service(uow, person_id, service)
        active = sorted((c for c in answers if c.state == "active"), key=lambda c: c.id)
        # All rows first, in one order: what rests on them is locked after them, by everybody.
        done = [c for c in active if store.withdraw(uow, c.id, person_id, None, now)]
        for consent in done:
            self._withdrawn(uow, consent, now, None)
        return done

    def _withdrawn(
        self, uow: UnitOfWork, consent: Consent, now: datetime, by: Actor | None
    ) -> tuple[Ended, ...]:
        ended = self._end_all(uow, consent, "consent withdrawn", now)
        self._policies.runtime.audit.record(
            uow,
            "consent.withdrawn",
            by or Actor("citizen", consent.person_id),
            (consent.person_id,),
            {
                "consent": consent.id,
                "service": consent.service,
                "service_name": consent.service_name,
                "purpose": consent.purpose,
                "attributes": list(consent.attributes),
                "ended": {e.what: e.count for e in ended},
            },
        )
        return ended

    def expire(self, now: datetime) -> int:
        """Mark the consents whose time is over, and end what rests on them: periodic work,
        idempotent; how many.

        They ceased to be grounds at their `not_after` already; this makes lists and ledger say so.
        """
        runtime = self._policies.runtime
        with runtime.database.read() as uow:
            due = store.due(uow, now, EXPIRE_AT_ONCE)
        marked = 0
        for row in due:
            with runtime.database.write() as uow:
                if not store.expire(uow, row.id, now):
                    continue
                consent = self._policies.consent.get(row.id, row.person_id, uow)
                self._end_all(uow, consent, "consent expired", now)
                details = {"consent": row.id, "service": row.service, "purpose": row.purpose}
                runtime.audit.record(uow, "consent.expired", SYSTEM, (row.person_id,), details)
            marked += 1
        return marked

    def _end_all(
        self, uow: UnitOfWork, consent: Consent, reason: str, now: datetime
    ) -> tuple[Ended, ...]:
        # Tokens may still rest on an older answer whose place this consent took.
        older = self._policies.consent.replaced_by(uow, consent)
        counts: dict[str, int] = {}
        for end in self._ends:
            for one in (consent, *older):
                ended = end.end(uow, one, reason, now)
                counts[ended.what] = counts.get(ended.what, 0) + ended.count
        return tuple(Ended(what, count) for what, count in counts.items())
