"""The policies package: levels, purposes, consents, and the one decision on every release."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import NotFound
from foundation.nearest import instead
from foundation.runtime import Runtime
from foundation.settings import Jurisdiction
from policies import levels, store
from policies.catalogue import Attribute, Basis, Catalogue, Purpose
from policies.consent import Notice, notice_of
from policies.consents import Consents
from policies.engine import Engine
from policies.kept_answers import KeptAnswers
from policies.levels import Proofing, SessionLevel, Used
from policies.loading import load
from policies.nomination import nominate
from policies.question import Decision, Deny, Facts, Ground, Permit, Question
from policies.receipts import USE, Receipts
from policies.settings import PoliciesSettings


class Policies:
    """What the rest of the service asks. Safe to share between threads."""

    def __init__(
        self,
        runtime: Runtime,
        catalogue: Catalogue | None = None,
        documents: Callable[[Catalogue], Catalogue] = lambda catalogue: catalogue,
    ) -> None:
        """Loads and cross-checks all tables and rules; raises SettingsError with a sentence.

        `documents` adds the kinds of documents, which are claims like others.
        """
        self.runtime = runtime
        self.settings = runtime.settings.of(PoliciesSettings)
        if catalogue is None:
            own = self.settings.bases
            catalogue = load(runtime.settings.resolve(own) if own else None)
        catalogue = documents(catalogue)
        self.catalogue = catalogue
        self.engine = Engine(catalogue, runtime.settings.of(Jurisdiction).digital_age)
        self._answers = KeptAnswers(self.engine)
        self.consent = Consents(runtime, catalogue)
        self._receipts = Receipts(runtime, catalogue)

    # ── the decision ──────────────────────────────────────────────────────────────────

    @property
    def rule_digest(self) -> str:
        """SHA-256 (hex) over rules, schema and tables: what a ledger entry says decided."""
        return self.engine.digest

    def decide(
        self,
        question: Question,
        facts: Facts,
        *,
        uow: UnitOfWork | None = None,
        record: bool = True,
        actor: Actor | None = None,
    ) -> Decision:
        """May this service use these claims of this person, for this purpose, now?

        With `record` (what every release and look-up does) the answer is written to the person's
        ledger in the same unit of work as the grounds were read in, so a withdrawal comes wholly
        before or after. `record=False` is for who calls `record` in that unit of work by
        themselves, and for a look ahead that releases nothing. `actor` is who asks when it is not
        the service itself (an officer).
        """
        if uow is not None:
            return self._decide(uow, question, facts, record, actor)
        unit = self.runtime.database.write if record else self.runtime.database.read
        with unit() as own:
            return self._decide(own, question, facts, record, actor)

    def _decide(
        self, uow: UnitOfWork, question: Question, facts: Facts, record: bool, actor: Actor | None
    ) -> Decision:
        answer = self._answer(question, facts, self._grounds(uow, question))
        return self.record(uow, question, answer, actor) if record else answer

    def permitted(
        self, parts: Iterable[Question], facts: Facts, actor: Actor | None = None
    ) -> frozenset[str]:
        """Which claims may be released now, of one or several questions of one service about one
        person that differ in their claims alone.

        A question that is refused as a whole is asked again for each of its claims. All of it is
        on record, each claim once, in the one unit of work that its grounds were read in.
        """
        released: set[str] = set()
        with self.runtime.database.write() as uow:
            grounds: Sequence[Ground] | None = None
            for part in parts:
                grounds = self._grounds(uow, part) if grounds is None else grounds
                for asked, answer in self._in_parts(part, facts, grounds):
                    if isinstance(self.record(uow, asked, answer, actor), Permit):
                        released |= set(asked.attributes)
        return frozenset(released)

    def _in_parts(
        self, question: Question, facts: Facts, grounds: Sequence[Ground]
    ) -> Iterable[tuple[Question, Decision]]:
        """The whole where it is permitted; else its claims, those with the same answer together."""
        whole = self._answer(question, facts, grounds)
        if isinstance(whole, Permit) or len(question.attributes) == 1:
            return [(question, whole)]
        alike: dict[tuple[str, str], tuple[list[str], Decision]] = {}
        for name in question.attributes:
            answer = self._answer(replace(question, attributes=(name,)), facts, grounds)
            why = ("", answer.ground.id) if isinstance(answer, Permit) else (answer.code, "")
            alike.setdefault(why, ([], answer))[0].append(name)
        return [
            (replace(question, attributes=tuple(names)), answer) for names, answer in alike.values()
        ]

    def _answer(self, question: Question, facts: Facts, grounds: Iterable[Ground]) -> Decision:
        return self._answers.decide(question, facts, nominate(question, grounds, self.catalogue))

    def refuse(self, code: str) -> Deny:
        """A refusal with a reason of the table, for what stands before or after the decision."""
        return self.engine.deny(code)

    def note(
        self, uow: UnitOfWork, question: Question, answer: Decision, actor: Actor | None = None
    ) -> None:
        """Write an answer to the ledger: who asked, for what, why, and what came of it."""
        details: dict[str, Any] = {
            "service": question.service,
            "purpose": question.purpose,
            "attributes": list(question.attributes),
            "asked": question.kind,
            "rule_digest": answer.rule_digest,
        }
        if question.case is not None:
            details["case"] = question.case
        if isinstance(answer, Permit):
            kind = "data.verified" if question.kind == "verify" else "data.released"
            details["ground"] = {"kind": answer.ground.kind, "id": answer.ground.id}
            details["obligations"] = list(answer.obligations)
        else:
            kind = "data.refused"
            details["reason"] = answer.code
        persons = (question.person,) if question.person else ()
        self.runtime.audit.record(
            uow, kind, actor or Actor("service", question.service), persons, details
        )

    def record(
        self, uow: UnitOfWork, question: Question, answer: Decision, actor: Actor | None = None
    ) -> Decision:
        """Let an answer come true, in the unit of work that its grounds were read in: a use of a
        ground with a number of uses is counted, and the answer written to the ledger."""
        answer = self._use(uow, answer)
        self.note(uow, question, answer, actor)
        return answer

    def _use(self, uow: UnitOfWork, answer: Decision) -> Decision:
        """Count the use of a consent that was given for a number of uses."""
        if not isinstance(answer, Permit) or answer.ground.uses_left is None:
            return answer
        if store.use_up(uow, answer.ground.id):
            return answer
        return self.engine.deny("used-up", answer.ground)

    def _grounds(self, uow: UnitOfWork, question: Question) -> Sequence[Ground]:
        """All that this service could rest on for this person, whatever it asks."""
        if not question.person:
            return ()
        answers = self.consent.at_service(uow, question.person, question.service)
        bases = self.catalogue.bases.values()
        return [
            *(c.as_ground() for c in answers if c.state != "refused"),
            *(_as_ground(b) for b in bases if b.service == question.service),
        ]

    # ── levels ────────────────────────────────────────────────────────────────────────

    def level_of_session(
        self, proofing: Proofing, used: Iterable[Used], upstream: int | None = None
    ) -> SessionLevel:
        """The level that a session reached: see `levels.level_of_session`."""
        return levels.level_of_session(
            proofing,
            used,
            self.settings.organisation_level,
            upstream,
            ceilings=self.catalogue.ceilings,
            levels=self.catalogue.levels,
        )

    def binds(self, authenticator: str) -> int:
        """Up to which level counts what is bound with this authenticator; 0 for one that signs in,
        with which that depends on the session."""
        return self.catalogue.ceilings[authenticator].binds

    # ── the catalogue ─────────────────────────────────────────────────────────────────

    def purpose(self, purpose_id: str) -> Purpose:
        """A purpose; raises NotFound."""
        found = self.catalogue.purposes.get(purpose_id)
        if found is None:
            raise NotFound(
                f"There is no purpose {purpose_id!r}.",
                where="purpose",
                next_step=instead(purpose_id, self.catalogue.purposes),
            )
        return found

    def attribute(self, name: str) -> Attribute:
        """A claim of the catalogue; raises NotFound."""
        found = self.catalogue.attributes.get(name)
        if found is None:
            raise NotFound(f"There is no claim {name!r}.", where="attribute")
        return found

    def attributes_of_scope(self, scope: str) -> tuple[str, ...]:
        """The claims that an OpenID Connect scope asks for; none for an unknown scope."""
        return self.catalogue.attributes_of_scope(scope)

    def notice(
        self,
        purpose_id: str,
        service_name: str,
        language: str = "en",
        translate: Callable[[str], str] = str,
    ) -> Notice:
        """The notice to show before asking, which `consent.give` then stores word for word."""
        jurisdiction = self.runtime.settings.of(Jurisdiction)
        controller = self.settings.controller or jurisdiction.name
        return notice_of(
            self.purpose(purpose_id),
            service_name,
            jurisdiction.city,
            controller,
            language,
            translate,
        )

    # ── receipts ──────────────────────────────────────────────────────────────────────

    def receipt(self, consent_id: str, person_id: str) -> str:
        """The signed receipt of a person's own consent as it stands; raises NotFound."""
        return self._receipts.sign(self.consent.get(consent_id, person_id))

    def verify_receipt(self, token: str) -> Mapping[str, Any]:
        """The record in a receipt that this service signed; raises NotAReceipt."""
        return self._receipts.verify(token)

    def receipt_keys(self) -> Mapping[str, Any]:
        """The JSON Web Key Set that verifies receipts."""
        return self._receipts.keys()


def prepare(runtime: Runtime) -> None:
    """Make what the package needs before it serves; idempotent."""
    runtime.keys.ensure(USE, "ES256")


def _as_ground(basis: Basis) -> Ground:
    return Ground(
        kind=basis.kind,
        id=basis.id,
        state="active",
        service=basis.service,
        person=None,
        purpose=basis.purpose,
        attributes=basis.attributes,
        classes=basis.classes,
        not_before=basis.not_before,
        not_after=basis.not_after,
    )
