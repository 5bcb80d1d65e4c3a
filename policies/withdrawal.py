"""Withdrawing a consent: its state and all that rests on it end together — GDPR art. 7(3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import BadRequest, Conflict
from policies import store
from policies.consent import Consent
from policies.ports import Ended, EndsWithConsent
from policies.wing import Policies

LONGEST_REASON = 1000


@dataclass(frozen=True)
class Receipt:
    """What the citizen gets: the signed record, and what ended with the consent."""

    token: str
    consent: Consent
    ended: tuple[Ended, ...]


class Withdrawal:
    """The one way to withdraw. `ends` are told in order, inside the same unit of work."""

    def __init__(self, policies: Policies, ends: Sequence[EndsWithConsent]) -> None:
        self._policies = policies
        self._ends = tuple(ends)

    def withdraw(
        self, consent_id: str, person_id: str, reason: str = "", by: Actor | None = None
    ) -> Receipt:
        """End a person's own consent now, and everything that rests on it.

        Of several at once one succeeds; the others, and a consent that already ended, raise
        Conflict. Raises NotFound for anybody else's consent. When one of the ends fails, nothing
        has changed. `by` is the actor when it is not the person (a guardian).
        """
        if len(reason) > LONGEST_REASON:
            raise BadRequest(f"A reason has {LONGEST_REASON} characters at most.", where="reason")
        floor = self._policies.floor
        consents = self._policies.consent
        now = floor.clock.now()
        sealed = consents.seal_reason(person_id, consent_id, reason)
        with floor.database.write() as uow:
            consent = consents.get(consent_id, person_id, uow)
            if not store.withdraw(uow, consent_id, person_id, sealed, now):
                raise Conflict(
                    f"This consent is not active: it is {consent.state}.",
                    next_step="Nothing is released on it; its receipt is in your account.",
                )
            ended = self._end_all(uow, consent)
            floor.audit.record(
                uow,
                "consent.withdrawn",
                by or Actor("citizen", person_id),
                (person_id,),
                {
                    "consent": consent_id,
                    "service": consent.service,
                    "service_name": consent.service_name,
                    "purpose": consent.purpose,
                    "attributes": list(consent.attributes),
                    "ended": {e.what: e.count for e in ended},
                },
            )
        # Signed after the commit: no cryptography inside a write, and the record is the truth.
        withdrawn = consents.get(consent_id, person_id)
        return Receipt(self._policies.receipt(consent_id, person_id), withdrawn, ended)

    def _end_all(self, uow: UnitOfWork, consent: Consent) -> tuple[Ended, ...]:
        now = self._policies.floor.clock.now()
        # Tokens may still rest on an older answer whose place this consent took.
        older = store.replaced_by(uow, consent.person_id, consent.service, consent.purpose)
        counts: dict[str, int] = {}
        for end in self._ends:
            for consent_id in (consent.id, *older):
                ended = end.end(uow, consent_id, "consent withdrawn", now)
                counts[ended.what] = counts.get(ended.what, 0) + ended.count
        return tuple(Ended(what, count) for what, count in counts.items())
