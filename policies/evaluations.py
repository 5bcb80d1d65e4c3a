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
from policies.question import Decision, Deny, Facts, Known, Permit, Question

MINUTE = timedelta(minutes=1)


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

    def evaluate(self, service: str, asked: Asked) -> Answer:
        """Answer one question of a service. Raises TooManyRequests."""
        runtime = self.policies.runtime
        limit = (
            "access-evaluation",
            service,
            self.policies.settings.questions_per_minute,
            MINUTE,
            runtime.clock.now(),
        )
        with runtime.database.read() as uow:
            runtime.rates.room(uow, *limit)
        known = self._subjects.known(service, asked.sub) if asked.sub else None
        # As at the authorization endpoint: who has one purpose need not name it.
        purpose = asked.purpose or self._subjects.purpose(service) or ""
        person, facts = (known.person, known.facts) if known else ("", Facts(level=0))
        question = Question(service, person, (asked.claim,), purpose, runtime.clock.now(), "verify")
        # Look ahead, so that no claim is read for a question that will be refused; what counts is
        # decided again where it is recorded.
        ahead = self.policies.decide(question, facts, record=False)
        value = self._value(known, asked.claim) if isinstance(ahead, Permit) else None
        unanswerable = isinstance(ahead, Permit) and value is None
        with runtime.database.write() as uow:
            if unanswerable:
                decision: Decision = self.policies.refuse("not-known")
                self.policies.note(uow, question, decision)
            else:
                decision = self.policies.decide(question, facts, uow=uow)
            # Last, since all questions of one service wait for this row.
            runtime.rates.attempt(uow, *limit)
        if isinstance(decision, Deny):
            return Answer(False, decision)
        return Answer(value is True)

    def _value(self, known: Known | None, claim: str) -> bool | None:
        """The verified yes or no, or None where there is none."""
        row = self.policies.catalogue.attributes.get(claim)
        if known is None or row is None or not row.answerable:
            return None
        value = known.claims((claim,)).get(claim)
        return value if isinstance(value, bool) else None
