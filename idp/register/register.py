"""The identity register as the suites above see it — ISO/IEC 24760-1, ISO/IEC 29115."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.runtime import Runtime
from foundation.settings import Jurisdiction
from idp.register import search, store
from idp.register.activation import ActivationCodes, OpenActivation
from idp.register.claims import KnownPerson
from idp.register.corrections import Corrections
from idp.register.enrolment import Enrolment
from idp.register.freezing import Freezing
from idp.register.letters import Letters
from idp.register.life import Guard, State
from idp.register.mailing import Mailing
from idp.register.notices import Notices
from idp.register.numbers import Numbers
from idp.register.person import Person, Step
from idp.register.printing import Printing
from idp.register.profile import Profile, WrongField, civil_number
from idp.register.proofing import Proofing
from idp.register.proofing_policy import ProofingPolicies, shipped
from idp.register.recoveries import Recoveries
from idp.register.retention import Retention
from idp.register.settings import RegisterSettings
from idp.register.sign_in_names import SignInNames
from idp.register.staff import Staff
from idp.register.staff_changes import StaffChanges
from idp.register.subject import Subject
from idp.register.uniqueness.uniqueness import Uniqueness


class Register:
    """Persons and staff: who they are, in which state, at which level of proofing.

    Parts: `enrolment`, `proofing`, `codes`, `letters`, `printing`, `freezing`, `names`, `staff`,
    `staff_changes`, `recoveries`. Safe to share between threads.
    """

    def __init__(self, runtime: Runtime, policies: ProofingPolicies | None = None) -> None:
        self.runtime = runtime
        self.jurisdiction = runtime.settings.of(Jurisdiction)
        self.proofing = Proofing(runtime.vault, runtime.audit, policies or _policies(runtime))
        self.notices = Notices(runtime)
        self.uniqueness = Uniqueness(runtime, self.notices)
        self.enrolment = Enrolment(runtime, self.proofing, self.uniqueness)
        self.codes = ActivationCodes(runtime)
        self.letters = Letters(runtime, self.codes)
        self.printing = Printing(runtime, self.letters)
        self.freezing = Freezing(runtime.audit, self.letters)
        self.numbers = Numbers(runtime)
        self.names = SignInNames(runtime.vault)
        self.staff = Staff(runtime)
        self.mailing = Mailing(runtime, self.notices)
        self.recoveries = Recoveries(runtime, self.letters, self.notices)
        self.staff_changes = StaffChanges(runtime, self.staff, self.names)
        self.retention = Retention(runtime)
        self.corrections = Corrections(runtime, self.proofing, self.letters, self.uniqueness)
        runtime.jobs.periodic("names to search by", timedelta(days=1), lambda: search.fill(runtime))
        runtime.jobs.periodic("people to compare", timedelta(days=1), self.uniqueness.fill)

    # ── a person ──────────────────────────────────────────────────────────────────────

    def person(self, uow: UnitOfWork, person_id: str) -> Person | None:
        return store.person(uow, person_id)

    def with_history(self, person_id: str) -> tuple[Person, Sequence[Step]]:
        """A person and their steps, oldest first; raises NoSuchPerson."""
        with self.runtime.database.read() as uow:
            return store.known_person(uow, person_id), store.steps_of(uow, person_id)

    def by_civil_number(self, uow: UnitOfWork, written: str) -> str | None:
        """The person with this civil number, however its groups are written; None for nobody."""
        try:
            number = civil_number(written)
        except WrongField:
            return None
        return store.by_civil_number(uow, self.runtime.vault, number)

    def is_active(self, uow: UnitOfWork, person_id: str) -> bool:
        """Whether this person may authenticate now (no authentication outside `active`)."""
        found = store.person(uow, person_id)
        return found is not None and found.may_authenticate

    def profile(self, uow: UnitOfWork, person_id: str) -> Profile:
        """Raises NoSuchPerson, Erased."""
        return store.profile(uow, self.runtime.vault, person_id)

    def known(self, person_id: str, uow: UnitOfWork | None = None) -> KnownPerson:
        """Level, state, age and claims from one reading; raises NoSuchPerson, Erased."""
        if uow is None:
            with self.runtime.database.read() as own:
                return self.known(person_id, own)
        person, profile = store.known_with_profile(uow, self.runtime.vault, person_id)
        return KnownPerson(person, profile, self.jurisdiction, self.runtime.clock.now())

    # ── activation: what sign-in calls inside its own unit of work ────────────────────

    def peek_activation(self, uow: UnitOfWork, code: str, now: datetime) -> OpenActivation:
        """Whom a code would activate, without using it up; raises CodeRefused."""
        return self.codes.peek(uow, code, now)

    def redeem_activation(self, uow: UnitOfWork, code: str, now: datetime) -> str:
        """Use a code up; the person's id. Raises CodeRefused for all but the first of many."""
        return self.codes.redeem(uow, code, now)

    def activate(self, uow: UnitOfWork, person_id: str, now: datetime) -> Person:
        """`established` → `active`, or back in when every means was lost: by the person themselves.

        Call it in the unit of work that redeemed the code and bound the credential: those are
        the guards (a credential is bound; the person confirmed it). Raises TransitionRefused, or
        CodeRefused when a way back was stopped meanwhile, Resembles when another record may be the
        same person's.
        """
        if store.known_person(uow, person_id).state is State.ACTIVE:
            return self.recoveries.complete(uow, person_id, now)
        self.uniqueness.require_unique(uow, person_id, now)
        self.numbers.allot(uow, person_id, now)
        return store.change_state(
            uow,
            self.runtime.audit,
            person_id,
            "activate",
            {Guard.CREDENTIAL, Guard.CONFIRMED},
            Actor("citizen", person_id),
            now,
        )

    # ── sign-in names, of citizens and staff ──────────────────────────────────────────

    def claim_sign_in_name(self, uow: UnitOfWork, subject: Subject, name: str) -> None:
        """Raises BadRequest (not a name) or NameTaken."""
        self.names.claim(uow, subject, name, self.runtime.clock.now())

    def subject_of_sign_in_name(self, name: str) -> Subject | None:
        """Whose name this is, in whatever state they are; None when nobody's."""
        with self.runtime.database.read() as uow:
            return self.names.subject_of(uow, name)

    def sign_in_name_of(self, subject: Subject) -> str | None:
        """The name as its owner typed it."""
        with self.runtime.database.read() as uow:
            return self.names.name_of(uow, subject)

    def may_sign_in(self, uow: UnitOfWork, subject: Subject) -> bool:
        """Whether this citizen or member of staff may have a session now."""
        if subject.kind == "citizen":
            return self.is_active(uow, subject.id)
        return self.staff.member(uow, subject.id).state == State.ACTIVE


def _policies(runtime: Runtime) -> ProofingPolicies:
    written = runtime.settings.of(RegisterSettings).proofing_policies
    return ProofingPolicies.read(runtime.settings.resolve(written)) if written else shipped()
