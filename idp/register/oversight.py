"""What an auditor sees of the register: decisions without people, and officers' own figures.

X.1253 9.1-6: an officer whose figures stand apart from the median of all is looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from statistics import median
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, func, select, type_coerce

from foundation.database import UnitOfWork
from idp.register.tables import history, lookups, proofing_decisions

MEASURES = ("accepted", "refused", "imported", "raised", "looked-up")
_A_DAY = 86_400_000_000  # in microseconds, as instants are stored
# Below so many a day nobody stands out, however little the others did.
_LEAST, _TIMES = 5, 3


@dataclass(frozen=True, slots=True)
class AuditedDecision:
    """A proofing decision without the person whom it was about."""

    id: str
    policy_version: str
    level: int
    in_person: bool
    result: str
    officer_kind: str
    officer: str
    second_officer: str | None
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Figure:
    """What one officer did on their busiest day, and in all days together."""

    officer: str
    busiest: int
    total: int
    stands_out: bool


@dataclass(frozen=True, slots=True)
class Measure:
    """One kind of act: each officer's figure, and the median of the busiest days."""

    name: str
    median: float
    figures: tuple[Figure, ...]


def audited_decisions(
    uow: UnitOfWork,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 100,
) -> Sequence[AuditedDecision]:
    """Decisions of the desk and of imports, the newest first."""
    table = proofing_decisions
    query = select(table).order_by(table.c.decided_at.desc(), table.c.id).limit(limit)
    if since is not None:
        query = query.where(table.c.decided_at >= since)
    if until is not None:
        query = query.where(table.c.decided_at < until)
    return [
        AuditedDecision(
            row.id,
            row.policy_version,
            row.level,
            row.in_person,
            row.result,
            row.officer_kind,
            row.officer,
            row.second_officer,
            row.decided_at,
        )
        for row in uow.all(query)
    ]


def officers_measures(uow: UnitOfWork, now: datetime, days: int) -> Sequence[Measure]:
    """Each officer's figures of the last days, beside the median."""
    since = now - timedelta(days=days)
    made = proofing_decisions.c
    decided = partial(
        _daily, uow, made.officer, made.decided_at, since, made.officer_kind == "staff"
    )
    did = partial(
        _daily, uow, history.c.actor, history.c.at, since, history.c.actor_kind == "staff"
    )
    counted = {
        "accepted": decided(made.level > 1, made.result != "refused"),
        "refused": decided(made.level > 1, made.result == "refused"),
        "imported": decided(made.level == 1),
        "raised": did(history.c.transition == "proof"),
        "looked-up": _daily(uow, lookups.c.officer, lookups.c.at, since),
    }
    officers = sorted({officer for one in counted.values() for officer in one})
    return [measured(name, counted[name], officers) for name in MEASURES]


def measured(name: str, counted: Mapping[str, Sequence[int]], officers: Sequence[str]) -> Measure:
    """Figures out of counts by day; who did nothing of a kind counts as none in the median."""
    busiest = {officer: max(counted.get(officer, ()), default=0) for officer in officers}
    middle = float(median(busiest.values())) if busiest else 0.0
    return Measure(
        name,
        middle,
        tuple(
            Figure(officer, most, sum(counted.get(officer, ())), stands_out(most, middle))
            for officer, most in busiest.items()
        ),
    )


def stands_out(most: int, middle: float) -> bool:
    return most >= _LEAST and most > _TIMES * middle


def _daily(
    uow: UnitOfWork, who: Any, at: Any, since: datetime, *which: ColumnElement[bool]
) -> Mapping[str, Sequence[int]]:
    day = type_coerce(at, BigInteger) // _A_DAY
    query = (
        select(who.label("who"), func.count().label("n"))
        .where(at >= since, *which)
        .group_by(who, day)
    )
    found: dict[str, list[int]] = defaultdict(list)
    for row in uow.all(query):
        found[row.who].append(row.n)
    return found
