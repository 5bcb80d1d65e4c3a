"""Proofing: decisions by policy, kept with their evidence — ISO/IEC 29115:2013 §10.1, EN-1…EN-9."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, select, update

from foundation import opaque
from foundation.audit import Actor, Audit
from foundation.database import UnitOfWork
from foundation.errors import Conflict, Forbidden, NotFound, Unprocessable
from foundation.marking import N_, Sentence
from foundation.vault import Vault
from idp.register import second_looks, store, two_people
from idp.register.correction_policy import CorrectionPolicy
from idp.register.evidence import (
    Assessment,
    Evidence,
    Findings,
    Result,
    assess,
    decidable_alone,
    was_present,
)
from idp.register.life import State
from idp.register.proofing_policy import ProofingPolicies, ProofingPolicy
from idp.register.tables import applications, persons, proofing_decisions

_EVIDENCE = "proofing evidence"
PROOFABLE = frozenset({State.ESTABLISHED, State.ACTIVE})


class ProofingRefused(Unprocessable):
    """The findings do not reach the level by the policy; the refusal is on record (EN-8)."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One proofing decision, as it is kept. Evidence is opened on request only."""

    id: str
    application_id: str
    person_id: str
    policy_version: str
    level: int
    in_person: bool
    result: Result
    reasons: tuple[str, ...]
    officer: str
    second_officer: str | None
    decided_at: datetime
    keep_until: datetime


class Proofing:
    """Starts applications, decides on findings, and has a second officer confirm."""

    def __init__(self, vault: Vault, audit: Audit, policies: ProofingPolicies) -> None:
        self._vault = vault
        self._audit = audit
        self._policies = policies

    @property
    def corrections(self) -> CorrectionPolicy:
        """What may be corrected in a record, by whom."""
        return self._policies.corrections

    def policy(self, version: str, now: datetime) -> ProofingPolicy:
        """The published policy of that version; raises UnpublishedPolicy (EN-2)."""
        return self._policies.published(version, now.date())

    def current_policy(self, now: datetime) -> ProofingPolicy:
        return self._policies.current(now.date())

    def policy_for_one(self, version: str, level: int, now: datetime) -> ProofingPolicy:
        """As `policy`, where the decision must fall at once: by one officer alone."""
        policy = self.policy(version, now)
        if not decidable_alone(policy, level):
            raise Unprocessable(
                N_("The rules say that level %(level)s needs a second officer.", level=level),
                where="level",
                next_step="Begin at a level that one officer decides, then check at a higher one.",
            )
        return policy

    def apply(
        self,
        uow: UnitOfWork,
        person_id: str,
        by: Actor,
        terms_version: str,
        policy_version: str,
        now: datetime,
    ) -> str:
        """Record an application: who started it, under which terms and policy (EN-1)."""
        application_id = opaque.identifier("apl")
        uow.execute(
            insert(applications).values(
                id=application_id,
                person_id=person_id,
                started_by_kind=by.kind,
                started_by=by.id,
                started_at=now,
                terms_version=terms_version,
                policy_version=policy_version,
                notice_at=now,
            )
        )
        return application_id

    def decide(
        self,
        uow: UnitOfWork,
        application_id: str,
        person_id: str,
        policy: ProofingPolicy,
        findings: Findings,
        officer: Actor,
        now: datetime,
    ) -> Decision:
        """Assess findings and keep the decision, whatever it is (EN-8).

        The person's level changes only by an accepted decision: at once, or by `confirm`.
        """
        verdict = assess(policy, findings)
        decision_id = opaque.identifier("prf")
        uow.execute(
            insert(proofing_decisions).values(
                id=decision_id,
                application_id=application_id,
                person_id=person_id,
                policy_version=policy.version,
                level=findings.level,
                in_person=was_present(policy, findings),
                result=verdict.result,
                reasons=list(verdict.missing),
                officer_kind=officer.kind,
                officer=officer.id,
                decided_at=now,
                keep_until=now + timedelta(days=366 * policy.retention_years),
                sealed_evidence=self._seal(person_id, decision_id, findings),
            )
        )
        self._audit.record(
            uow,
            f"register.proofing-{verdict.result}",
            officer,
            [person_id],
            _told(policy, findings, verdict),
        )
        return self.decision(uow, decision_id)

    def reproof(
        self,
        uow: UnitOfWork,
        person_id: str,
        policy_version: str,
        findings: Findings,
        officer: Actor,
        terms_version: str,
        now: datetime,
    ) -> Decision:
        """Proof an enrolled person anew, under a new application; the level follows."""
        policy = self.policy(policy_version, now)
        person = store.known_person(uow, person_id)
        if person.state not in PROOFABLE:
            raise Conflict(
                N_(
                    "An identity that is %(state)s cannot be checked.",
                    state=Sentence(person.state, {}),
                ),
                where="state",
                next_step="Restore it or make it active again first: its page offers the step.",
            )
        two_people.refuse_importer(uow, self._audit, person_id, officer)
        application_id = self.apply(uow, person_id, officer, terms_version, policy.version, now)
        decision = self.decide(uow, application_id, person_id, policy, findings, officer, now)
        if decision.result == "accepted":
            self._accepted(uow, decision, policy, officer, now)
        return decision

    def confirm(
        self, uow: UnitOfWork, decision_id: str, second: Actor, accept: bool, now: datetime
    ) -> Decision:
        """The second officer's word; raises Forbidden for the first one, Conflict if decided."""
        decision = self.decision(uow, decision_id)
        if decision.officer == second.id:
            raise Forbidden(
                "Who made the first decision cannot be the second officer.",
                next_step="Ask a colleague to look at the evidence and confirm.",
            )
        two_people.refuse_importer(uow, self._audit, decision.person_id, second)
        result: Result = "accepted" if accept else "refused"
        changed = uow.changed(
            update(proofing_decisions)
            .where(
                proofing_decisions.c.id == decision_id,
                proofing_decisions.c.result == "awaiting-second-officer",
                proofing_decisions.c.officer != second.id,
            )
            .values(
                result=result,
                second_officer=second.id,
                confirmed_at=now,
                reasons=[] if accept else ["The second officer did not confirm."],
            )
        )
        if changed != 1:
            raise Conflict(
                "This decision does not wait for a second officer.",
                next_step="Load the page again to see what was decided.",
            )
        self._audit.record(
            uow,
            f"register.proofing-{result}",
            second,
            [decision.person_id],
            {"level": decision.level, "policy": decision.policy_version, "second_officer": True},
        )
        if accept:
            policy = self.policy(decision.policy_version, now)
            self._accepted(uow, decision, policy, second, now)
        return self.decision(uow, decision_id)

    def take_back(
        self, uow: UnitOfWork, decision_id: str, officer: Actor, reason: str, now: datetime
    ) -> int:
        """A second look did not confirm: the decision counts no more, and the level is that of
        the best one that still does. Returns the level."""
        decision = self.decision(uow, decision_id)
        uow.execute(
            update(proofing_decisions)
            .where(proofing_decisions.c.id == decision_id)
            .values(result="refused", reasons=["A second look did not confirm it."])
        )
        standing = [d for d in self.decisions(uow, decision.person_id) if d.result == "accepted"]
        best = max(standing, key=lambda d: (d.level, d.in_person), default=None)
        level, in_person = (best.level, best.in_person) if best else (1, False)
        before = store.known_person(uow, decision.person_id)
        # What a correction took away comes back by a new proofing alone.
        level = min(level, before.level)
        if level != before.level or in_person != before.in_person:
            uow.execute(
                update(persons)
                .where(persons.c.id == before.id)
                .values(level=level, in_person=in_person, changed_at=now)
            )
            after = store.known_person(uow, before.id)
            told = {"level": level, "decision": decision_id, "reason": reason}
            store.write_history(uow, self._audit, before.state, after, "proof", officer, now, told)
        return level

    # ── reading ───────────────────────────────────────────────────────────────────────

    def decision(self, uow: UnitOfWork, decision_id: str) -> Decision:
        """Raises NotFound."""
        row = uow.one(select(proofing_decisions).where(proofing_decisions.c.id == decision_id))
        if row is None:
            raise NotFound("There is no such identity check.", detail=decision_id)
        return _decision(row)

    def decisions(self, uow: UnitOfWork, person_id: str) -> Sequence[Decision]:
        """All about one person, refusals included, newest first."""
        return self._all(uow, proofing_decisions.c.person_id == person_id)

    def waiting(self, uow: UnitOfWork) -> Sequence[Decision]:
        """Those that wait for a second officer."""
        return self._all(uow, proofing_decisions.c.result == "awaiting-second-officer")

    def findings(self, uow: UnitOfWork, decision_id: str) -> Findings:
        """The evidence of a decision, opened; raises Erased."""
        row = uow.one(select(proofing_decisions).where(proofing_decisions.c.id == decision_id))
        if row is None:
            raise NotFound("There is no such identity check.", detail=decision_id)
        opened = self._vault.open(row.person_id, row.sealed_evidence, _context(decision_id))
        values = json.loads(opened)
        evidence = tuple(Evidence(**piece) for piece in values["evidence"])
        return Findings(values["level"], evidence, values["contact_exercised"])

    def _all(self, uow: UnitOfWork, condition: Any) -> Sequence[Decision]:
        query = (
            select(proofing_decisions)
            .where(condition)
            .order_by(proofing_decisions.c.decided_at.desc(), proofing_decisions.c.id)
            .limit(200)
        )
        return [_decision(row) for row in uow.all(query)]

    def _accepted(
        self,
        uow: UnitOfWork,
        decision: Decision,
        policy: ProofingPolicy,
        actor: Actor,
        now: datetime,
    ) -> None:
        """The level follows, and the lot decides whether somebody looks at it again."""
        self._raise_level(uow, decision, actor, now)
        if second_looks.drawn(policy.second_look_percent):
            case = [(decision.id, decision.person_id)]
            second_looks.open_(uow, case, second_looks.SAMPLE, now)

    def _raise_level(
        self, uow: UnitOfWork, decision: Decision, actor: Actor, now: datetime
    ) -> None:
        before = store.known_person(uow, decision.person_id)
        # A later decision of a lower level takes nothing away: it adds no doubt.
        if decision.level <= before.level:
            return
        uow.execute(
            update(persons)
            .where(persons.c.id == before.id)
            .values(level=decision.level, in_person=decision.in_person, changed_at=now)
        )
        after = store.known_person(uow, before.id)
        details = {"level": after.level, "decision": decision.id}
        store.write_history(uow, self._audit, before.state, after, "proof", actor, now, details)

    def _seal(self, person_id: str, decision_id: str, findings: Findings) -> bytes:
        text = json.dumps(asdict(findings), ensure_ascii=False, separators=(",", ":"))
        return self._vault.seal(person_id, text.encode(), _context(decision_id))


def _context(decision_id: str) -> str:
    return f"{_EVIDENCE}\0{decision_id}"


def _told(policy: ProofingPolicy, findings: Findings, verdict: Assessment) -> dict[str, Any]:
    """What the person reads in the ledger: no numbers of documents."""
    return {
        "level": findings.level,
        "policy": policy.version,
        "evidence": [{"type": e.type, "source": e.source} for e in findings.evidence],
        "reasons": list(verdict.missing),
    }


def _decision(row: Row[Any]) -> Decision:
    return Decision(
        id=row.id,
        application_id=row.application_id,
        person_id=row.person_id,
        policy_version=row.policy_version,
        level=row.level,
        in_person=row.in_person,
        result=row.result,
        reasons=tuple(row.reasons),
        officer=row.officer,
        second_officer=row.second_officer,
        decided_at=row.decided_at,
        keep_until=row.keep_until,
    )
