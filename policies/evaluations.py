"""Questions of city services: a yes or a no, or a refusal with its reason — OpenID AuthZEN 1.0.

A service names a person by its own pairwise subject. A subject that it does not have looks the
same as a person without consent, and every look-up is written down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from foundation.settings import Server
from policies.ports import Subjects
from policies.question import Deny, Facts, Question
from policies.wing import Policies

Semantic = Literal["execute_all", "deny_on_first_deny", "permit_on_first_permit"]
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Asked:
    """One question as the service put it. None for what does not fit this decision point."""

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
        self.url = policies.floor.settings.of(Server).url

    def evaluate(self, service: str, asked: Asked) -> Answer:
        """Answer one question of a service. Raises TooManyRequests."""
        self._count(service)
        floor = self.policies.floor
        person = self._subjects.person_of(service, asked.sub)
        facts = self._subjects.facts_of(person) if person else Facts(level=0)
        question = Question(
            service, person or "", (asked.claim,), asked.purpose, floor.clock.now(), "verify"
        )
        known = asked.claim in self.policies.catalogue.attributes
        # Read outside the write; whether it may be used is decided below.
        value = None
        if person and known:
            value = self._subjects.claims_of(person, (asked.claim,)).get(asked.claim)
        with floor.database.write() as uow:
            decision = self.policies.decide(question, facts, uow=uow)
        if isinstance(decision, Deny):
            return Answer(False, decision)
        if not isinstance(value, bool):
            return Answer(False, self.policies.refuse("not-known"))
        return Answer(value)

    def evaluate_all(
        self, service: str, asked: Sequence[Asked], semantic: Semantic
    ) -> list[Answer]:
        """Answer several in order; the two short-circuits stop after the deciding one."""
        answers: list[Answer] = []
        for one in asked:
            answers.append(self.evaluate(service, one))
            if semantic == "deny_on_first_deny" and not answers[-1].decision:
                break
            if semantic == "permit_on_first_permit" and answers[-1].decision:
                break
        return answers

    def _count(self, service: str) -> None:
        floor = self.policies.floor
        floor.rates.check(
            "access-evaluation",
            service,
            self.policies.settings.questions_per_minute,
            MINUTE,
            floor.clock.now(),
        )
