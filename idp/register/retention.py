"""What has an end ends: evidence, applications, look-ups — EN-8, X.1253 9.2-6, GDPR art. 5(1)(e).

A proofing decision is kept for the period of its policy. Then a refusal goes with its evidence and
its application; a decision that an identity of today rests on stays for as long as that does. Of an
applicant who never came to be an identity the key goes first (rule 5), and the identifier
stays as the tombstone that blocks its reuse. Each batch is one unit of work that also records how
many rows of which table went: an auditor's proof, in the tree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Table, delete, or_, select

from foundation.audit import SYSTEM
from foundation.database import UnitOfWork
from foundation.runtime import Runtime
from idp.register.corrections import over
from idp.register.enrolment import retire
from idp.register.tables import (
    activation_codes,
    applications,
    corrections,
    lookups,
    persons,
    proofing_decisions,
    second_looks,
    staff_invitations,
    staff_recoveries,
)

KIND = "retention.deleted"
BATCH = 200
KEPT_AFTER = timedelta(days=366)
"""How long what opened something once stays after its end: officers' work is compared over months,
and who comes late reads that it is over. The person's ledger stays in any case."""
OPENED_ONCE: Sequence[tuple[Table, Any]] = (
    (lookups, lookups.c.until),
    (activation_codes, activation_codes.c.expires_at),
    (staff_invitations, staff_invitations.c.expires_at),
    (staff_recoveries, staff_recoveries.c.expires_at),
)


class Retention:
    """Deletes in bounded batches, each on record; safe beside processes that do the same."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        runtime.jobs.periodic(
            "retention of evidence", timedelta(hours=1), lambda: self.sweep(runtime.clock.now())
        )

    def sweep(self, now: datetime) -> Mapping[str, int]:
        """Delete what is over; how many rows of each table."""
        gone: Counter[str] = Counter()
        while deleted := self._decisions(now):
            gone.update(deleted)
        for table, end in OPENED_ONCE:
            while deleted := self._ended(table, end <= now - KEPT_AFTER, now):
                gone.update(deleted)
        while deleted := self._ended(corrections, over(now), now):
            gone.update(deleted)
        return dict(gone)

    def _decisions(self, now: datetime) -> Mapping[str, int]:
        with self._runtime.database.read() as uow:
            due = self._due(uow, now)
            nobody = self._never_established(uow, {row.person_id for row in due}, now)
        for person_id in nobody:
            self._runtime.vault.erase(person_id)
        if not due:
            return {}
        ids = [row.id for row in due]
        begun = [row.application_id for row in due]
        with self._runtime.database.write() as uow:
            deleted = {
                table.name: uow.changed(delete(table).where(which))
                for table, which in self._of_decisions(ids, begun, nobody, now)
            }
            for person_id in nobody:
                retire(uow, person_id, now)
                self._runtime.audit.forget(uow, person_id)
            return self._proven(uow, deleted, now)

    def _due(self, uow: UnitOfWork, now: datetime) -> Sequence[Row[Any]]:
        query = (
            select(
                proofing_decisions.c.id,
                proofing_decisions.c.person_id,
                proofing_decisions.c.application_id,
            )
            .where(_over(now))
            .order_by(proofing_decisions.c.keep_until, proofing_decisions.c.id)
            .limit(BATCH)
        )
        return uow.all(query)

    def _never_established(
        self, uow: UnitOfWork, person_ids: Collection[str], now: datetime
    ) -> list[str]:
        """Those of whom there is no identity, and no decision that has to be kept."""
        held = select(persons.c.id).where(persons.c.id.in_(person_ids))
        kept = select(proofing_decisions.c.person_id).where(
            proofing_decisions.c.person_id.in_(person_ids), proofing_decisions.c.keep_until > now
        )
        stay = {row[0] for query in (held, kept) for row in uow.all(query)}
        return sorted(set(person_ids) - stay)

    def _of_decisions(
        self, ids: list[str], begun: list[str], nobody: list[str], now: datetime
    ) -> Sequence[tuple[Table, Any]]:
        """What goes, in the order that the foreign keys want."""
        used = select(proofing_decisions.c.application_id)
        return (
            (second_looks, second_looks.c.decision_id.in_(ids)),
            (proofing_decisions, proofing_decisions.c.id.in_(ids) & _over(now)),
            (applications, applications.c.id.in_(begun) & applications.c.id.not_in(used)),
            (lookups, lookups.c.person_id.in_(nobody)),
        )

    def _ended(self, table: Table, over: Any, now: datetime) -> Mapping[str, int]:
        (key,) = table.primary_key
        with self._runtime.database.read() as uow:
            keys = [row[0] for row in uow.all(select(key).where(over).limit(BATCH))]
        if not keys:
            return {}
        with self._runtime.database.write() as uow:
            deleted = uow.changed(delete(table).where(key.in_(keys), over))
            return self._proven(uow, {table.name: deleted}, now)

    def _proven(
        self, uow: UnitOfWork, deleted: Mapping[str, int], now: datetime
    ) -> Mapping[str, int]:
        told = {table: count for table, count in deleted.items() if count}
        if told:
            details = {"rows": told, "over_at": now}
            self._runtime.audit.record(uow, KIND, SYSTEM, (), details)
        return told


def _over(now: datetime) -> Any:
    """Decisions whose period is over, and on which no identity of today rests."""
    decision = proofing_decisions.c
    identity = select(persons.c.id).where(persons.c.id == decision.person_id).exists()
    rests = select(persons.c.id).where(persons.c.enrolled_by == decision.id).exists()
    return (decision.keep_until <= now) & or_(decision.result != "accepted", ~identity) & ~rests
