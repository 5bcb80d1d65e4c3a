"""Enrolment: from an application to an established identity — ISO/IEC 24760-1, EN-1, EN-3, EN-9."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update

from foundation import opaque
from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import CivitasError
from foundation.runtime import Runtime
from foundation.settings import Jurisdiction
from idp.register import search, store
from idp.register.evidence import Evidence, Findings
from idp.register.life import Guard, State, step
from idp.register.person import Person
from idp.register.profile import Profile
from idp.register.proofing import Decision, Proofing, ProofingRefused
from idp.register.proofing_policy import ProofingPolicy
from idp.register.tables import persons, reference_identifiers
from idp.register.uniqueness.uniqueness import Uniqueness


@dataclass(frozen=True, slots=True)
class Enrolled:
    """`resembles`: how many other records may be the same person's; they are held until then."""

    person: Person
    decision: Decision
    resembles: int = 0


@dataclass(frozen=True, slots=True)
class Begun:
    """Who began an application, and under which terms (EN-1)."""

    by: Actor
    terms_version: str


# What a row of a civil-register file is: the source's word on a person, who was not seen.
REGISTER_ROW = Findings(1, (Evidence("register-extract", "civil-register", "register-query"),))


class Enrolment:
    """The one way in which an identity comes to exist."""

    def __init__(self, runtime: Runtime, proofing: Proofing, uniqueness: Uniqueness) -> None:
        self._database = runtime.database
        self._vault = runtime.vault
        self._audit = runtime.audit
        self._terms_version = runtime.settings.of(Jurisdiction).terms_version
        self._proofing = proofing
        self._uniqueness = uniqueness

    def enrol(
        self,
        profile: Profile,
        findings: Findings,
        officer: Actor,
        policy_version: str,
        now: datetime,
        also: Callable[[UnitOfWork, Enrolled], None] | None = None,
        *,
        begun_by: Actor | None = None,
        terms_version: str | None = None,
    ) -> Enrolled:
        """Proof an application and establish the identity that it is for, in one unit of work.

        `also` runs in that unit of work (an import records its row there). `begun_by`: who applied,
        and under which terms, where it was not the officer (EN-1). Raises UnpublishedPolicy (EN-2),
        ProofingRefused (the refusal is kept), AlreadyEnrolled.
        """
        begun = Begun(begun_by or officer, terms_version or self._terms_version)
        policy = self._proofing.policy_for_one(policy_version, findings.level, now)
        with self._database.read() as uow:
            # Mostly seen here, before anything is made; the constraint catches the rest.
            if store.by_civil_number(uow, self._vault, profile.civil_number) is not None:
                raise store.already_enrolled()
        person_id = opaque.identifier("per")
        self._vault.create(person_id)  # the key stands before the first row about them
        try:
            with self._database.write() as uow:
                enrolled = self._establish(
                    uow, person_id, profile, findings, officer, policy, begun, now
                )
                if also is not None:
                    also(uow, enrolled)
        except ProofingRefused:
            raise  # its consequence needs the key: a refusal is kept (EN-8)
        except CivitasError:
            # Refused before the commit. After any other failure the commit may have happened,
            # and the key of an enrolled person must not be lost: it stays, sealing nothing.
            self._vault.erase(person_id)
            raise
        return enrolled

    def _establish(
        self,
        uow: UnitOfWork,
        person_id: str,
        profile: Profile,
        findings: Findings,
        officer: Actor,
        policy: ProofingPolicy,
        begun: Begun,
        now: datetime,
    ) -> Enrolled:
        decision = self._decide(uow, person_id, findings, officer, policy, begun, now)

        def keep_refusal(later: UnitOfWork) -> None:
            self._decide(later, person_id, findings, officer, policy, begun, now)

        if decision.result == "refused":
            raise ProofingRefused(
                "The rules say that these papers are not enough for this level.",
                where="evidence",
                next_step=" ".join(decision.reasons),
                consequence=keep_refusal,
            )
        seen = {Guard.PROOFED, Guard.UNIQUE, Guard.NEW_IDENTIFIER, Guard.NOTICE}
        state = step(State.UNKNOWN, "enrol", seen)
        uow.execute(
            insert(persons).values(
                id=person_id,
                state=state,
                level=decision.level,
                in_person=decision.in_person,
                enrolled_by=decision.id,
                enrolled_at=now,
                changed_at=now,
                sealed_profile=store.seal_profile(self._vault, person_id, profile),
            )
        )
        store.index_civil_number(uow, self._vault, person_id, profile.civil_number)
        search.index(uow, self._vault, person_id, profile)
        person = store.known_person(uow, person_id)
        details = {
            "level": decision.level,
            "policy": policy.version,
            "terms": begun.terms_version,
            "sources": sorted({e.source for e in findings.evidence}),
        }
        store.write_history(uow, self._audit, State.UNKNOWN, person, "enrol", officer, now, details)
        resembles = self._uniqueness.enrolled(uow, person_id, profile, now)
        return Enrolled(person, decision, resembles)

    def _decide(
        self,
        uow: UnitOfWork,
        person_id: str,
        findings: Findings,
        officer: Actor,
        policy: ProofingPolicy,
        begun: Begun,
        now: datetime,
    ) -> Decision:
        allot(uow, person_id, now)
        application_id = self._proofing.apply(
            uow, person_id, begun.by, begun.terms_version, policy.version, now
        )
        return self._proofing.decide(uow, application_id, person_id, policy, findings, officer, now)


def allot(uow: UnitOfWork, person_id: str, now: datetime) -> None:
    """Take a reference identifier for ever: the table's key refuses one that was used before."""
    uow.execute(insert(reference_identifiers).values(id=person_id, allotted_at=now))


def retire(uow: UnitOfWork, person_id: str, now: datetime) -> None:
    """Leave a tombstone that blocks reuse of the identifier."""
    uow.execute(
        update(reference_identifiers)
        .where(reference_identifiers.c.id == person_id, reference_identifiers.c.ended_at.is_(None))
        .values(ended_at=now)
    )


def ever_used(uow: UnitOfWork, person_id: str) -> bool:
    row = uow.one(select(reference_identifiers.c.id).where(reference_identifiers.c.id == person_id))
    return row is not None
