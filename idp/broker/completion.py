"""How sign-ins end, per provider and month: completed, failed and why, given up — the broker's
record for its operator and its regulator (GOV.UK Verify published the same of its providers).

Nothing here is about a person. Still a small number can be about somebody whom the reader knows, so
numbers are rounded to fives, and those below are not told (ISO/IEC 27559: small cells).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from foundation.database import UnitOfWork
from idp.broker import store
from idp.federation import Completion


def by_month(uow: UnitOfWork, before: date | None = None) -> tuple[Completion, ...]:
    """Of every provider that somebody chose, the latest month first; only days before `before`."""
    entities = store.entities_by_slug(uow)
    begun: dict[tuple[str, str], int] = defaultdict(int)
    ended: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for slug, day, times in store.begun(uow):
        if before is None or day < before.isoformat():
            begun[day[:7], slug] += times
    for slug, day, outcome, times in store.outcomes(uow):
        if before is None or day < before.isoformat():
            ended[day[:7], slug][outcome] += times
    rows: Sequence[tuple[str, str]] = sorted(begun.keys() | ended.keys())
    return tuple(
        Completion(
            month=month,
            provider=entities[slug],
            # Before sign-ins were counted at their beginning there were only ends.
            begun=max(begun[month, slug], sum(ended[month, slug].values())),
            completed=ended[month, slug].get("completed", 0),
            failed={n: t for n, t in sorted(ended[month, slug].items()) if n != "completed"},
        ).coarse()
        for month, slug in sorted(rows, key=lambda row: (row[0], entities.get(row[1], "")))[::-1]
        if slug in entities
    )
