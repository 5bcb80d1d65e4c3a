"""What sign-in asks of the identity register: whose name, whether they may, how well proofed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from foundation.database import UnitOfWork
from foundation.runtime import Runtime
from foundation.vault import Erased
from idp.login.who import HearsOfChange
from idp.register import Lost, Notice, Register, Subject
from policies import Proofing

# Staff are vouched for by their employer, who invited them in person (architecture, rule 9).
_OF_STAFF = Proofing(level=4, in_person=True)


@dataclass(frozen=True, slots=True)
class Invited:
    """Whom an activation code or an invitation is for; ``greeting`` is shown once it is proven.

    ``acts_on_persons``: they will, at the desk, so they are asked who they are in the register.
    ``recovers``: they were here before, and lost every means; ``name``: by which they signed in.
    """

    subject: Subject
    greeting: str
    acts_on_persons: bool = False
    recovers: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a subject may have a session, and how well the identity behind it is established."""

    may_sign_in: bool
    proofing: Proofing


class Directory:
    """The subjects of this deployment. Only this file speaks to the register."""

    def __init__(
        self, runtime: Runtime, register: Register, hears: Sequence[HearsOfChange] = ()
    ) -> None:
        self._runtime = runtime
        self._register = register
        self._hears = tuple(hears)

    def means_changed(self, uow: UnitOfWork, subject: Subject, now: datetime) -> None:
        """Tell those who keep what the old means may have given away; staff have none of it."""
        if subject.kind == "citizen":
            for one in self._hears:
                one.means_changed(uow, subject.id, now)

    def has_civil_number(self, subject: Subject, number: str) -> bool:
        """Whether this is the person with that civil number, however it is written."""
        with self._runtime.database.read() as uow:
            return self._register.by_civil_number(uow, number) == subject.id

    def of_name(self, name: str) -> Subject | None:
        return self._register.subject_of_sign_in_name(name)

    def name_of(self, subject: Subject) -> str:
        """The sign-in name for its owner; empty when there is none."""
        try:
            return self._register.sign_in_name_of(subject) or ""
        except Erased:
            return ""

    def standing(self, uow: UnitOfWork, subject: Subject) -> Standing:
        """What the register says of a subject now."""
        if subject.kind == "staff":
            return Standing(self._register.may_sign_in(uow, subject), _OF_STAFF)
        person = self._register.person(uow, subject.id)
        if person is None:
            return Standing(False, Proofing(0))
        return Standing(person.may_authenticate, Proofing(person.level, person.in_person))

    def tell(
        self,
        uow: UnitOfWork,
        subject: Subject,
        kind: str,
        now: datetime,
        words: Mapping[str, str] | None = None,
        at_activation: bool = False,
    ) -> None:
        """Tell a person outside of their session what was done, in the same unit of work."""
        self._register.notices.tell(uow, subject, kind, now, words, told_already=at_activation)

    def unseen(self, uow: UnitOfWork, subject: Subject) -> list[Notice]:
        return self._register.notices.unseen(uow, subject)

    def seen(self, uow: UnitOfWork, subject: Subject, now: datetime) -> None:
        self._register.notices.seen(uow, subject, now)

    def roles(self, uow: UnitOfWork, subject: Subject) -> frozenset[str]:
        if subject.kind != "staff":
            return frozenset()
        return self._register.staff.member(uow, subject.id).roles

    def peek(self, uow: UnitOfWork, kind: str, code: str, now: datetime) -> Invited:
        """Whom ``code`` is for, without using it up; raises CodeRefused or InvitationRefused."""
        if kind == "staff":
            member = self._register.staff.open_invitation(uow, code, now)
            return Invited(Subject("staff", member.id), member.name, "officer" in member.roles)
        waiting = self._register.peek_activation(uow, code, now)
        profile = self._register.profile(uow, waiting.person_id)
        subject = Subject("citizen", waiting.person_id)
        name = self.name_of(subject) if waiting.recovers else ""
        return Invited(subject, profile.greeting, recovers=waiting.recovers, name=name)

    def redeem(self, uow: UnitOfWork, kind: str, code: str, now: datetime) -> Subject:
        """Use ``code`` up; raises CodeRefused or InvitationRefused."""
        if kind == "staff":
            return Subject("staff", self._register.staff.accept_invitation(uow, code, now))
        return Subject("citizen", self._register.redeem_activation(uow, code, now))

    def declare_own_number(self, uow: UnitOfWork, subject: Subject, number: str) -> None:
        """Raises WrongField."""
        self._register.staff.declare_own_number(uow, subject.id, number)

    def claim(self, uow: UnitOfWork, subject: Subject, name: str, anew: bool = False) -> None:
        """``anew``: in place of the name that they had. Raises BadRequest or NameTaken."""
        if anew:
            self._register.names.release(uow, subject)
        self._register.claim_sign_in_name(uow, subject, name)

    def ask_way_back(self, uow: UnitOfWork, lost: Lost, now: datetime) -> None:
        """Somebody says to have lost every means; who that is is looked at later."""
        self._register.recoveries.take(uow, lost, now)

    def activate(self, uow: UnitOfWork, subject: Subject, now: datetime) -> None:
        if subject.kind == "citizen":
            self._register.activate(uow, subject.id, now)

    def context_words(self, uow: UnitOfWork, subject: Subject) -> tuple[str, ...]:
        """What a guesser of this person's password tries first."""
        if subject.kind == "staff":
            return (self._register.staff.member(uow, subject.id).name,)
        profile = self._register.profile(uow, subject.id)
        return (profile.given_name, profile.family_name, profile.birthdate.isoformat())
