"""Freezing the cases of a member of staff — ISO/IEC 27035-1 §5.5.

What they imported, proofed, confirmed or had written since a day: letters and codes that were not
used are stopped, and each decision waits for another officer's second look.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from foundation.audit import Actor, Audit
from foundation.database import UnitOfWork
from foundation.errors import BadRequest
from idp.register import second_looks, two_people
from idp.register.letters import Letters
from idp.register.tables import letters as letters_table


@dataclass(frozen=True, slots=True)
class Frozen:
    """Decisions that were queued, and people whose letter or code was stopped."""

    decisions: int
    letters: int


class Freezing:
    """One verb, inside the caller's unit of work."""

    def __init__(self, audit: Audit, letters: Letters) -> None:
        self._audit = audit
        self._letters = letters

    def freeze(
        self,
        uow: UnitOfWork,
        staff_id: str,
        since: datetime,
        reason: str,
        by: Actor,
        now: datetime,
    ) -> Frozen:
        """Raises BadRequest for a day that has not come."""
        if since > now:
            raise BadRequest(
                "The day lies ahead.", where="since", next_step="Write an earlier one."
            )
        cases = two_people.had_a_hand(uow, Actor("staff", staff_id), since)
        asked = uow.all(
            select(letters_table.c.person_id).where(
                letters_table.c.asked_by == staff_id, letters_table.c.asked_at >= since
            )
        )
        touched = dict.fromkeys([*(person for _, person in cases), *(r.person_id for r in asked)])
        stopped = sum(self._letters.stop(uow, person, by, now) > 0 for person in touched)
        frozen = Frozen(second_looks.open_(uow, cases, second_looks.FREEZE, now), stopped)
        details = {
            "staff": staff_id,
            "since": since,
            "reason": reason,
            "decisions": frozen.decisions,
            "letters": frozen.letters,
        }
        self._audit.record(uow, "staff.cases_frozen", by, (), details)
        return frozen
