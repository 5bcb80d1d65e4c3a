"""Nominate the one ground that a question may rest on. The rules then verify every field of it.

Cedar has no quantifiers, so code chooses; a wrong choice can only refuse, never permit.
"""

from __future__ import annotations

from collections.abc import Iterable

from policies.catalogue import Catalogue, parents
from policies.question import Ground, Question


def nominate(question: Question, grounds: Iterable[Ground], catalogue: Catalogue) -> Ground | None:
    """The ground that fits best, or None without any.

    Grounds that fit whole come first; of those, a basis on record before a consent, so that
    nobody is asked for what the law decides. Among the rest the one that fails last gives the
    most useful reason ("withdrawn on …" rather than "not covered").
    """
    return max(grounds, key=lambda g: _fit(question, g, catalogue), default=None)


def _fit(question: Question, ground: Ground, catalogue: Catalogue) -> tuple[object, ...]:
    theirs = ground.service == question.service and ground.person in (None, question.person)
    purpose = catalogue.covers(ground.purpose, question.purpose)
    covered = sum(1 for a in question.attributes if covers(ground, a, catalogue))
    everything = covered == len(question.attributes)
    in_time = ground.not_before <= question.at < ground.not_after
    usable = ground.state == "active" and (ground.uses_left is None or ground.uses_left > 0)
    # An emergency is claimed, never fallen into: its ground counts only with a case.
    meant = (ground.kind == "vital-interest") == bool(question.case)
    return (
        theirs and purpose and everything and in_time and usable and meant,
        theirs,
        meant,
        purpose,
        usable and in_time,
        covered,
        ground.kind != "consent",
        ground.not_before,
        ground.id,
    )


def covers(ground: Ground, attribute: str, catalogue: Catalogue) -> bool:
    """Whether a ground names the claim, its class, or a class above it."""
    if attribute in ground.attributes:
        return True
    row = catalogue.attributes.get(attribute)
    name: tuple[str, ...] = (row.data_class,) if row else ()
    while name:
        if name[0] in ground.classes:
            return True
        name = parents(name[0])
    return False
