"""Cedar's answers, kept exactly: one question is asked of the rules once (decision 41).

An answer is found again by everything that the rules saw, and of the clock by the two things that
they ask of it. The ground is part of that as it was read: one that was withdrawn, used, replaced or
narrowed is another ground, and the question another question.
"""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter

from foundation.recent import Recent
from policies.engine import Engine
from policies.question import Decision, Deny, Facts, Ground, Question
from policies.rule_clock import sides

MOST = 4096

# Every member, those of a later day too, but the instant: `sides` says what counts of it.
_without_its_instant = attrgetter(*(f.name for f in fields(Question) if f.name != "at"))
_Key = tuple[object, Facts, Ground | None, tuple[bool, bool]]


class KeptAnswers:
    """Asks an engine; safe to share between threads. One for each engine, and so for its rules,
    schema and tables."""

    def __init__(self, engine: Engine, most: int = MOST) -> None:
        self._engine = engine
        self._answers: Recent[_Key, Decision] = Recent(most)

    def decide(self, question: Question, facts: Facts, ground: Ground | None) -> Decision:
        """What `engine.decide` answers."""
        if not self._engine.asks_for_sides_only:
            return self._engine.decide(question, facts, ground)
        key = (_without_its_instant(question), facts, ground, sides(ground, question.at))
        known = self._answers.get(key)
        if known is not None:
            return known
        answer = self._engine.decide(question, facts, ground)
        # What could not be decided is a fault of ours, and asked again.
        if not (isinstance(answer, Deny) and answer.code == "not-decided"):
            self._answers.put(key, answer)
        return answer
