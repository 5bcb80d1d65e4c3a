"""Steps in the life of an identity: suspend, reactivate, archive, restore, delete — 24760-1."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from sqlalchemy import delete, select

from foundation.audit import SYSTEM, Actor
from foundation.database import UnitOfWork
from foundation.runtime import Runtime
from idp.register import corrections, numbers, recovery, store, two_people
from idp.register.enrolment import retire
from idp.register.evidence import Findings
from idp.register.life import BY_NAME, Guard, State, TransitionRefused, step
from idp.register.notices import Notices
from idp.register.person import Person
from idp.register.ports import Ends
from idp.register.proofing import Decision, Proofing, ProofingRefused
from idp.register.reasons import checked_reason
from idp.register.settings import RegisterSettings
from idp.register.sign_in_names import SignInNames
from idp.register.subject import Subject
from idp.register.tables import (
    activation_codes,
    blind_indexes,
    letters,
    lookups,
    notices,
    persons,
    search_tokens,
)
from idp.register.uniqueness import index


class IdentityLife:
    """What authorised staff do to an identity. What rests on it ends in the same unit of work."""

    def __init__(self, runtime: Runtime, proofing: Proofing, ends: Ends) -> None:
        self._database = runtime.database
        self._vault = runtime.vault
        self._audit = runtime.audit
        self._proofing = proofing
        self._names = SignInNames(runtime.vault)
        self._notices = Notices(runtime)
        self._retention = timedelta(
            days=runtime.settings.of(RegisterSettings).archive_retention_days
        )
        self._ends = tuple(ends)
        runtime.jobs.periodic(
            "end of retention",
            timedelta(hours=1),
            lambda: self.delete_due(runtime.clock.now()),
        )

    def suspend(self, person_id: str, by: Actor, reason: str, now: datetime) -> Person:
        """Sessions and tokens end at once; credentials are kept for the return."""
        with self._database.write() as uow:
            return self.suspend_within(uow, person_id, by, reason, now)

    def suspend_within(
        self, uow: UnitOfWork, person_id: str, by: Actor, reason: str, now: datetime
    ) -> Person:
        """The same inside the caller's unit of work."""
        person = store.change_state(
            uow,
            self._audit,
            person_id,
            "suspend",
            {Guard.AUTHORISED},
            by,
            now,
            details={"reason": checked_reason(reason)},
        )
        self._end(uow, person_id, "suspend", now)
        return person

    def reactivate(
        self, person_id: str, by: Actor, reason: str, level_seen: int, now: datetime
    ) -> Person:
        """Back to `active`. `level_seen`: the level that the officer was shown."""
        reason = checked_reason(reason)
        with self._database.write() as uow:
            level = store.known_person(uow, person_id).level
            seen = {Guard.AUTHORISED, Guard.CAUSE_CLEARED}
            if level_seen == level:
                seen.add(Guard.LEVEL_SHOWN)
            details = {"reason": reason, "level": level}
            return store.change_state(
                uow, self._audit, person_id, "reactivate", seen, by, now, details=details
            )

    def foresee(self, person_id: str, transition: str) -> tuple[Person, State]:
        """The person, and the state that this step of authorised staff would lead to; refuses as
        the step does, and changes nothing."""
        with self._database.read() as uow:
            person = store.known_person(uow, person_id)
        return person, step(person.state, transition, BY_NAME[transition].guards)

    def archive(self, person_id: str, by: Actor, reason: str, now: datetime) -> Person:
        """Credentials are revoked, and data is cut to what must be kept."""
        details = {"reason": checked_reason(reason)}
        with self._database.write() as uow:
            return self._close(uow, person_id, "archive", by, details, now)

    def join(self, uow: UnitOfWork, person_id: str, by: Actor, now: datetime) -> Person:
        """Two officers found that this is the second identity of somebody who has one: it ends as
        an archived one does, inside the caller's unit of work."""
        return self._close(uow, person_id, "join", by, {}, now)

    def died(self, uow: UnitOfWork, person_id: str, day: date, by: Actor, now: datetime) -> Person:
        """The civil register says so: it ends as an archived one does, inside the caller's unit of
        work. Who lives where the person lived is told; was it a mistake, `restore` undoes it."""
        self._notices.tell(uow, Subject("citizen", person_id), "identity.died", now)
        return self._close(uow, person_id, "die", by, {"day": day.isoformat()}, now)

    def _close(
        self,
        uow: UnitOfWork,
        person_id: str,
        transition: str,
        by: Actor,
        details: dict[str, str],
        now: datetime,
    ) -> Person:
        cut = store.profile(uow, self._vault, person_id).cut()
        self._end(uow, person_id, "archive", now)
        self._names.release(uow, Subject("citizen", person_id))
        corrections.end(uow, person_id)
        numbers.end_with_identity(uow, person_id, now)
        uow.execute(delete(search_tokens).where(search_tokens.c.person_id == person_id))
        # Who comes back under another number is still known again.
        index.write(uow, self._vault, person_id, cut)
        return store.change_state(
            uow,
            self._audit,
            person_id,
            transition,
            {Guard.AUTHORISED, Guard.REVOKED, Guard.CUT},
            by,
            now,
            details=details,
            values={"sealed_profile": store.seal_profile(self._vault, person_id, cut)},
        )

    def restore(
        self,
        person_id: str,
        policy_version: str,
        findings: Findings,
        by: Actor,
        terms_version: str,
        now: datetime,
    ) -> Decision:
        """Proof again at the target level; then `established`, to be activated anew."""
        policy = self._proofing.policy_for_one(policy_version, findings.level, now)

        with self._database.read() as uow:
            step(store.known_person(uow, person_id).state, "restore", {Guard.PROOFED})
            two_people.refuse_importer(uow, self._audit, person_id, by)

        def decide(uow: UnitOfWork) -> Decision:
            application = self._proofing.apply(
                uow, person_id, by, terms_version, policy.version, now
            )
            return self._proofing.decide(uow, application, person_id, policy, findings, by, now)

        with self._database.write() as uow:
            decision = decide(uow)
            if decision.result != "accepted":
                raise ProofingRefused(
                    "The rules say that these papers are not enough for this level.",
                    where="evidence",
                    next_step=" ".join(decision.reasons),
                    consequence=_dropping(decide),
                )
            store.change_state(
                uow,
                self._audit,
                person_id,
                "restore",
                {Guard.PROOFED},
                by,
                now,
                details={"level": findings.level},
                values={"level": decision.level, "in_person": decision.in_person},
            )
        return decision

    def delete(self, person_id: str, by: Actor, reason: str, now: datetime) -> None:
        """Retention is over: the key first, then the rows; a tombstone stays (rule 5)."""
        reason = checked_reason(reason)
        with self._database.read() as uow:
            self._may_delete(store.known_person(uow, person_id), now)
        self._vault.erase(person_id)
        with self._database.write() as uow:
            self._may_delete(store.known_person(uow, person_id), now)
            self._end(uow, person_id, "delete", now)
            self._names.release(uow, Subject("citizen", person_id))
            store.change_state(
                uow,
                self._audit,
                person_id,
                "delete",
                {Guard.AUTHORISED, Guard.RETENTION_OVER},
                by,
                now,
                details={"reason": reason},
            )
            gone = (blind_indexes, search_tokens, activation_codes, letters, lookups)
            for table in (*gone, recovery.recoveries):
                uow.execute(delete(table).where(table.c.person_id == person_id))
            index.forget(uow, person_id)
            corrections.end(uow, person_id)
            numbers.end_with_identity(uow, person_id, now)
            uow.execute(delete(notices).where(notices.c.subject_id == person_id))
            uow.execute(delete(persons).where(persons.c.id == person_id))
            retire(uow, person_id, now)
            self._audit.forget(uow, person_id)

    def delete_due(self, now: datetime) -> int:
        """Delete the archived identities whose retention is over: periodic work; how many."""
        due = self._due(now)
        for person_id in due:
            self.delete(person_id, SYSTEM, "Retention is over.", now)
        return len(due)

    def _due(self, now: datetime) -> list[str]:
        with self._database.read() as uow:
            rows = uow.all(
                select(persons.c.id).where(
                    persons.c.state == State.ARCHIVED,
                    persons.c.changed_at <= now - self._retention,
                )
            )
        return [row.id for row in rows]

    def _may_delete(self, person: Person, now: datetime) -> None:
        over = person.changed_at + self._retention <= now
        if person.state is not State.ARCHIVED or not over:
            raise TransitionRefused(
                "It can be deleted only when it need not be kept any longer.",
                where="state",
                next_step="Archive the identity; it can be deleted when its retention has passed.",
            )

    def _end(self, uow: UnitOfWork, person_id: str, transition: str, now: datetime) -> None:
        recovery.end_with_identity(uow, person_id, now)
        for resting in self._ends:
            resting.end_identity(uow, person_id, transition, now)


def _dropping(decide: Callable[[UnitOfWork], Decision]) -> Callable[[UnitOfWork], None]:
    def consequence(uow: UnitOfWork) -> None:
        decide(uow)

    return consequence
