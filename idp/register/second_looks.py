"""Decisions that another officer looks at again: drawn by lot, or of an officer whose cases were
frozen — ISO/IEC 29115:2013 §10.1.2, X.1253 9.1-6."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from foundation import opaque
from foundation.audit import Actor, Audit
from foundation.database import UnitOfWork
from foundation.errors import Conflict, Forbidden, NotFound
from idp.register import two_people
from idp.register.tables import proofing_decisions, second_looks

SAMPLE, FREEZE = "sample", "freeze"


@dataclass(frozen=True, slots=True)
class SecondLook:
    """`because`: sample or freeze. `state`: open, confirmed or refused."""

    id: str
    person_id: str
    decision_id: str
    because: str
    state: str
    opened_at: datetime


def drawn(percent: float) -> bool:
    """Whether the lot falls on this decision: nobody can foresee it."""
    return secrets.randbelow(1_000_000) < percent * 10_000


def open_(uow: UnitOfWork, cases: Sequence[tuple[str, str]], because: str, now: datetime) -> int:
    """Queue decisions, given as (decision, person), that do not wait for the same reason already;
    how many. One that the lot fell on is frozen with the rest: it holds letters back from now on.
    """
    waiting = {
        row.decision_id: row
        for row in uow.all(select(second_looks).where(second_looks.c.state == "open"))
    }
    rows, frozen = [], []
    for decision_id, person_id in cases:
        look = waiting.get(decision_id)
        if look is None:
            rows.append(
                {
                    "id": opaque.identifier("slk"),
                    "person_id": person_id,
                    "decision_id": decision_id,
                    "because": because,
                    "state": "open",
                    "opened_at": now,
                }
            )
        elif because == FREEZE and look.because == SAMPLE:
            frozen.append(look.id)
    if rows:
        uow.execute(insert(second_looks), rows)
    if frozen:
        uow.execute(
            update(second_looks).where(second_looks.c.id.in_(frozen)).values(because=FREEZE)
        )
    return len(rows) + len(frozen)


def stands_in_the_way(uow: UnitOfWork, person_id: str) -> bool:
    """Whether no letter may leave: cases are frozen, or a look ended badly and nobody decided
    about this person since."""
    looks = uow.all(
        select(second_looks.c.because, second_looks.c.state, second_looks.c.looked_at)
        .where(second_looks.c.person_id == person_id)
        .order_by(second_looks.c.opened_at)
    )
    if any(row.state == "open" and row.because == FREEZE for row in looks):
        return True
    bad = [row.looked_at for row in looks if row.state == "refused"]
    if not bad:
        return False
    since = uow.one(
        select(proofing_decisions.c.id).where(
            proofing_decisions.c.person_id == person_id,
            proofing_decisions.c.result == "accepted",
            proofing_decisions.c.decided_at > max(bad),
        )
    )
    return since is None


def queue(uow: UnitOfWork, limit: int = 200) -> Sequence[SecondLook]:
    """Those that wait, the oldest first."""
    query = select(second_looks).where(second_looks.c.state == "open")
    rows = uow.all(query.order_by(second_looks.c.opened_at, second_looks.c.id).limit(limit))
    return [_look(row) for row in rows]


def waiting_for(uow: UnitOfWork, person_id: str) -> Sequence[SecondLook]:
    """Those about one person that wait."""
    query = select(second_looks).where(
        second_looks.c.person_id == person_id, second_looks.c.state == "open"
    )
    return [_look(row) for row in uow.all(query.order_by(second_looks.c.opened_at))]


def find(uow: UnitOfWork, look_id: str) -> SecondLook:
    """Raises NotFound."""
    row = uow.one(select(second_looks).where(second_looks.c.id == look_id))
    if row is None:
        raise NotFound("There is no such second look.", detail=look_id)
    return _look(row)


def refuse_involved(uow: UnitOfWork, person_id: str, by: Actor) -> None:
    """Raises Forbidden for who had a hand in this identity."""
    if by in two_people.hands(uow, person_id):
        raise Forbidden(
            "You worked on this identity yourself.",
            next_step="A colleague who neither imported nor checked this person looks at it.",
        )


def close(
    uow: UnitOfWork, audit: Audit, look: SecondLook, confirmed: bool, by: Actor, now: datetime
) -> None:
    """Another officer's word, once. Raises Forbidden, Conflict."""
    refuse_involved(uow, look.person_id, by)
    state = "confirmed" if confirmed else "refused"
    changed = uow.changed(
        update(second_looks)
        .where(second_looks.c.id == look.id, second_looks.c.state == "open")
        .values(state=state, looked_by=by.id, looked_at=now)
    )
    if changed != 1:
        raise Conflict("Somebody looked at this already.", next_step="Load the page again.")
    details = {"decision": look.decision_id, "because": look.because}
    audit.record(uow, f"register.second-look-{state}", by, [look.person_id], details)


def _look(row: Row[Any]) -> SecondLook:
    return SecondLook(row.id, row.person_id, row.decision_id, row.because, row.state, row.opened_at)
