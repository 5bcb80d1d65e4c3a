"""The same person twice is found before a second identity becomes active — ISO/IEC 29115 EN-3.

Whose record looks like another one is held: no letter leaves for them, and no code activates them,
until two different officers have compared the two. What they decide is kept, so that a pair is
asked about once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, insert, or_, select, update

from foundation import opaque
from foundation.audit import SYSTEM, Actor
from foundation.database import UnitOfWork
from foundation.errors import Conflict, Forbidden, NotFound
from foundation.runtime import Runtime
from foundation.vault import Erased
from idp.register import store
from idp.register.life import State
from idp.register.notices import Notices
from idp.register.person import Person
from idp.register.profile import Profile
from idp.register.reasons import checked_reason
from idp.register.subject import Subject
from idp.register.tables import persons
from idp.register.uniqueness import index
from idp.register.uniqueness.comparing import Rules, shipped
from idp.register.uniqueness.index import Alike
from idp.register.uniqueness.tables import comparison_keys, resemblances

OPEN, PROPOSED, SAME, DIFFERENT = "open", "proposed", "same", "different"
ANSWERS = (SAME, DIFFERENT)
ENROLMENT, CORRECTION, EVIDENCE, ACTIVATION = "enrolment", "correction", "evidence", "activation"
_SEALED = "register resemblance"


class Resembles(Conflict):
    """Another record may be the same person's: nobody is activated before that is decided."""

    def __init__(self) -> None:
        super().__init__(
            "This record looks like another one in the register.",
            where="state",
            next_step="Two officers of the registration office compare the two first: "
            "its desk lists them.",
        )


@dataclass(frozen=True, slots=True)
class Resemblance:
    """A pair. `person_id` waits, and ends if the two are one; `other_id` stays. `reasons`: names of
    the rules. `proposed` and `first_officer`: what a first officer said."""

    id: str
    person_id: str
    other_id: str
    state: str
    reasons: tuple[str, ...]
    found_at: datetime
    found_by: str
    proposed: str | None
    first_officer: str | None
    second_officer: str | None


class Uniqueness:
    """Finds who may be there twice, holds them, and keeps what officers decide."""

    def __init__(self, runtime: Runtime, notices: Notices, rules: Rules | None = None) -> None:
        self._runtime = runtime
        self._vault = runtime.vault
        self._audit = runtime.audit
        self._notices = notices
        self._rules = rules or shipped()

    # ── finding ───────────────────────────────────────────────────────────────────────

    def enrolled(self, uow: UnitOfWork, person_id: str, profile: Profile, now: datetime) -> int:
        """A new record: from now on it is found, and held where it looks like another; how many."""
        index.add(uow, self._vault, person_id, profile)
        return self._look(uow, person_id, profile, ENROLMENT, now)

    def changed(self, uow: UnitOfWork, person_id: str, profile: Profile, now: datetime) -> None:
        """A record is another one: what it was found by before is gone."""
        index.write(uow, self._vault, person_id, profile)
        self._look(uow, person_id, profile, CORRECTION, now)

    def saw_documents(
        self, uow: UnitOfWork, person_id: str, references: Sequence[str], now: datetime
    ) -> None:
        """An officer saw papers with these numbers, which nobody else may have shown."""
        if any(references):
            index.add_documents(uow, self._vault, person_id, references)
            profile = store.profile(uow, self._vault, person_id)
            self._look(uow, person_id, profile, EVIDENCE, now)

    def require_unique(self, uow: UnitOfWork, person_id: str, now: datetime) -> None:
        """Look once more, before an identity becomes active: two may have been entered in one
        moment, and rows may be gone. Raises Resembles; what was found stays on record."""
        if stands_in_the_way(uow, person_id):
            raise Resembles
        profile = store.profile(uow, self._vault, person_id)
        if not self._undecided(uow, person_id, profile):
            return

        def keep(later: UnitOfWork) -> None:
            self._look(later, person_id, profile, ACTIVATION, now)

        refused = Resembles()
        refused.consequence = keep
        raise refused

    def fill(self, at_once: int = 200) -> int:
        """Periodic work: people who were here before anybody was compared; how many."""
        filled, after = 0, ""
        there = select(comparison_keys.c.person_id)
        without = ~there.where(comparison_keys.c.person_id == persons.c.id).exists()
        while True:
            query = select(persons.c.id).where(persons.c.id > after, without)
            with self._runtime.database.read() as uow:
                ids = [row.id for row in uow.all(query.order_by(persons.c.id).limit(at_once))]
            if not ids:
                return filled
            after = ids[-1]
            now = self._runtime.clock.now()
            for person_id in ids:
                with self._runtime.database.write() as uow:
                    try:
                        profile = store.profile(uow, self._vault, person_id)
                    except (Erased, store.NoSuchPerson):
                        continue
                    self.changed(uow, person_id, profile, now)
                    filled += 1

    def _look(
        self, uow: UnitOfWork, person_id: str, profile: Profile, found_by: str, now: datetime
    ) -> int:
        undecided = self._undecided(uow, person_id, profile)
        for alike in undecided:
            self._hold(uow, person_id, alike, found_by, now)
        return len(undecided)

    def _undecided(self, uow: UnitOfWork, person_id: str, profile: Profile) -> list[Alike]:
        found = index.find(uow, self._vault, person_id, profile, self._rules)
        if not found:
            return []
        known = {
            row.other_id if row.person_id == person_id else row.person_id
            for row in uow.all(select(resemblances).where(_about(person_id)))
        }
        return [alike for alike in found if alike.person_id not in known]

    def _hold(
        self, uow: UnitOfWork, person_id: str, alike: Alike, found_by: str, now: datetime
    ) -> None:
        waits, stays = _order(
            store.known_person(uow, person_id), store.known_person(uow, alike.person_id)
        )
        uow.execute(
            insert(resemblances).values(
                id=opaque.identifier("sam"),
                person_id=waits.id,
                other_id=stays.id,
                state=OPEN,
                score=alike.likeness.score,
                reasons=list(alike.likeness.reasons),
                rules=self._rules.version,
                found_at=now,
                found_by=found_by,
            )
        )
        # Each of the two reads that there is another record, and nothing of what is in it.
        told = {"found_by": found_by, "reasons": list(alike.likeness.reasons)}
        self._audit.record(uow, "register.resemblance-found", SYSTEM, [waits.id, stays.id], told)

    # ── deciding ──────────────────────────────────────────────────────────────────────

    def propose(
        self,
        uow: UnitOfWork,
        resemblance_id: str,
        answer: str,
        reason: str,
        by: Actor,
        now: datetime,
    ) -> Resemblance:
        """The first officer's word: SAME or DIFFERENT. Raises BadRequest, Conflict."""
        reason = checked_reason(reason)
        pair = find(uow, resemblance_id)
        sealed = self._vault.seal(pair.person_id, reason.encode(), f"{_SEALED}\0{pair.id}")
        self._step(
            uow,
            pair,
            OPEN,
            {"state": PROPOSED, "proposed": answer, "first_officer": by.id,
             "sealed_reason": sealed},
        )  # fmt: skip
        # The reason is for the colleague: it may name what is in the other's record.
        self._record(uow, "register.resemblance-proposed", pair, by, {"answer": answer})
        return find(uow, resemblance_id)

    def answer(
        self, uow: UnitOfWork, resemblance_id: str, agreed: bool, by: Actor, now: datetime
    ) -> Resemblance:
        """The second officer's word. Agreed: it is decided; else it is open again. Raises Forbidden
        for the first officer, Conflict. Who is called the same is closed by the caller."""
        pair = find(uow, resemblance_id)
        if pair.first_officer == by.id:

            def keep(later: UnitOfWork) -> None:
                self._record(later, "register.one-person-refused", pair, by, {})

            raise Forbidden(
                "Who compared the two first cannot be the second officer.",
                next_step="Ask a colleague to compare the two records.",
                consequence=keep,
            )
        if not agreed:
            self._step(uow, pair, PROPOSED, {"state": OPEN, "proposed": None,
                       "first_officer": None, "sealed_reason": None})  # fmt: skip
            self._record(uow, "register.resemblance-open-again", pair, by, {})
            return find(uow, resemblance_id)
        decided = {"state": pair.proposed, "second_officer": by.id, "decided_at": now}
        self._step(uow, pair, PROPOSED, decided)
        self._record(uow, f"register.resemblance-{pair.proposed}", pair, by, {})
        if pair.proposed == SAME:
            self._notices.tell(uow, Subject("citizen", pair.person_id), "identity.was-double", now)
            self._notices.tell(uow, Subject("citizen", pair.other_id), "identity.joined", now)
        return find(uow, resemblance_id)

    def reason_of(self, uow: UnitOfWork, pair: Resemblance) -> str:
        """What the first officer wrote; empty where nobody did, or the key is gone."""
        row = uow.one(select(resemblances.c.sealed_reason).where(resemblances.c.id == pair.id))
        if row is None or row.sealed_reason is None:
            return ""
        try:
            opened = self._vault.open(pair.person_id, row.sealed_reason, f"{_SEALED}\0{pair.id}")
        except Erased:
            return ""
        return opened.decode()

    def _step(
        self, uow: UnitOfWork, pair: Resemblance, before: str, values: dict[str, Any]
    ) -> None:
        changed = uow.changed(
            update(resemblances)
            .where(resemblances.c.id == pair.id, resemblances.c.state == before)
            .values(**values)
        )
        if changed != 1:
            raise Conflict("Somebody answered this already.", next_step="Load the page again.")

    def _record(
        self, uow: UnitOfWork, kind: str, pair: Resemblance, by: Actor, told: dict[str, Any]
    ) -> None:
        self._audit.record(uow, kind, by, [pair.person_id, pair.other_id], told)


# ── reading ───────────────────────────────────────────────────────────────────────────


def stands_in_the_way(uow: UnitOfWork, person_id: str) -> bool:
    """Whether this person may be, or is, somebody else who is in the register."""
    waits = (resemblances.c.person_id == person_id) & (resemblances.c.state != DIFFERENT)
    return uow.one(select(resemblances.c.id).where(waits).limit(1)) is not None


def queue(uow: UnitOfWork, limit: int = 200) -> Sequence[Resemblance]:
    """What waits for an officer, the oldest first."""
    waiting = select(resemblances).where(resemblances.c.state.in_((OPEN, PROPOSED)))
    rows = uow.all(waiting.order_by(resemblances.c.found_at, resemblances.c.id).limit(limit))
    return [_resemblance(row) for row in rows]


def about(uow: UnitOfWork, person_id: str) -> Sequence[Resemblance]:
    """All in which somebody is one of the two, the newest first."""
    rows = uow.all(
        select(resemblances).where(_about(person_id)).order_by(resemblances.c.found_at.desc())
    )
    return [_resemblance(row) for row in rows]


def find(uow: UnitOfWork, resemblance_id: str) -> Resemblance:
    """Raises NotFound."""
    row = uow.one(select(resemblances).where(resemblances.c.id == resemblance_id))
    if row is None:
        raise NotFound("There is no such pair of records.", detail=resemblance_id)
    return _resemblance(row)


def _about(person_id: str) -> ColumnElement[bool]:
    return or_(resemblances.c.person_id == person_id, resemblances.c.other_id == person_id)


def _order(one: Person, other: Person) -> tuple[Person, Person]:
    """Who waits, and who stays: the identity that is in use, else the older one."""
    first, second = sorted(
        (one, other), key=lambda p: (p.state is not State.ACTIVE, p.enrolled_at, p.id != other.id)
    )
    return second, first


def _resemblance(row: Row[Any]) -> Resemblance:
    return Resemblance(
        row.id,
        row.person_id,
        row.other_id,
        row.state,
        tuple(row.reasons),
        row.found_at,
        row.found_by,
        row.proposed,
        row.first_officer,
        row.second_officer,
    )
