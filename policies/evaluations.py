"""Questions of city services: a yes or a no, or a refusal with its reason — OpenID AuthZEN 1.0.

A service names a person by its own pairwise subject. A subject that it does not have looks the
same as a person without consent, and every look-up is written down.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from foundation.settings import Server
from policies.policies import Policies
from policies.ports import Subjects
from policies.question import Deny, Facts, Known, Permit, Question

BUCKET, MINUTE = "access-evaluation", timedelta(minutes=1)


Met = dict[str, Known | None]
"""Whom one request asked about already, by the service's own `sub`."""


@dataclass(frozen=True)
class Asked:
    """One question as the service put it; what this decision point does not know is empty, and so
    is a purpose that was not named."""

    sub: str
    claim: str
    purpose: str


@dataclass(frozen=True)
class Answer:
    """The answer to the question, or the refusal to answer it."""

    decision: bool
    refusal: Deny | None = None


class DecisionPoint:
    """The policy decision point that services call."""

    def __init__(self, policies: Policies, subjects: Subjects) -> None:
        self.policies = policies
        self._subjects = subjects
        self.url = policies.runtime.settings.of(Server).url

    def evaluate(self, service: str, asked: Asked, met: Met | None = None) -> Answer:
        """Answer one question of a service. Raises TooManyRequests.

        `met` is for all questions of one request: what is known of a person is read once for it.
        """
        runtime = self.policies.runtime
        most, now = self.policies.settings.questions_per_minute, runtime.clock.now()
        runtime.rates.known_full(BUCKET, service, MINUTE, now)
        known = self._known(service, asked.sub, {} if met is None else met)
        # As at the authorization endpoint: who has one purpose need not name it.
        purpose = asked.purpose or self._subjects.purpose(service) or ""
        person, facts = (known.person, known.facts) if known else ("", Facts(level=0))
        question = Question(service, person, (asked.claim,), purpose, now, "verify")
        with runtime.database.write() as uow:
            decision = self.policies.decide(question, facts, uow=uow, record=False)
            value = self._value(known, asked.claim) if isinstance(decision, Permit) else None
            if isinstance(decision, Permit) and value is None:
                decision = self.policies.refuse("not-known")
            decision = self.policies.record(uow, question, decision)
            # Last, since all questions of one service wait for this row.
            runtime.rates.attempt(uow, BUCKET, service, most, MINUTE, now)
        if isinstance(decision, Deny):
            return Answer(False, decision)
        return Answer(value is True)

    def _known(self, service: str, sub: str, met: Met) -> Known | None:
        if sub and sub not in met:
            met[sub] = self._subjects.known(service, sub)
        return met.get(sub)

    def _value(self, known: Known | None, claim: str) -> bool | None:
        """The verified yes or no, or None where there is none."""
        row = self.policies.catalogue.attributes.get(claim)
        if known is None or row is None or not row.answerable:
            return None
        value = known.claims((claim,)).get(claim)
        return value if isinstance(value, bool) else None
