"""What officers do with applications: take one, ask back, refuse, enrol — 29115 §10.1, EN-8, EN-9.

An application is one officer's for a while, and each act needs that. None makes an identity but
`enrol`, which ends in the one enrolment that there is: a colleague proofs the person afterwards,
and who resembles somebody is held there.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select

from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import Conflict, Forbidden, NotFound
from foundation.opaque import normalise_code
from foundation.runtime import Runtime
from foundation.vault import Erased
from idp.register.applications import store
from idp.register.applications.application import (
    ASKED,
    AT_OFFICE,
    ENROLLED,
    QUESTION,
    REASON,
    REFUSED,
    SENT,
    WHO,
    Application,
)
from idp.register.applications.contact import Contacts
from idp.register.applications.settings import ApplicationSettings
from idp.register.applications.tables import online_applications
from idp.register.enrolment import Enrolled
from idp.register.evidence import Findings
from idp.register.profile import Profile, WrongField, civil_number
from idp.register.reasons import checked_reason
from idp.register.register import Register
from idp.register.store import CIVIL_NUMBER
from idp.register.tables import staff


class NotYours(Conflict):
    """Somebody else has it, the time is over, or it is decided or gone."""

    def __init__(self) -> None:
        super().__init__(
            "You do not have this application now, so nothing was done.",
            next_step="Take it first, if no colleague has it.",
        )


class Cases:
    """The office's acts on applications. Safe to share between threads."""

    def __init__(self, runtime: Runtime, register: Register, contacts: Contacts) -> None:
        self._runtime = runtime
        self._register = register
        self._contacts = contacts
        self._settings = runtime.settings.of(ApplicationSettings)
        self.lease = timedelta(minutes=self._settings.lease_minutes)

    # ── reading ───────────────────────────────────────────────────────────────────────

    def find(self, uow: UnitOfWork, number: str, now: datetime) -> Application:
        """By its reference number, as somebody says it; raises NotFound for one that was never
        sent, too: a draft is its writer's alone."""
        found = store.by_number(uow, normalise_code(number[:64]))
        at_office = found is not None and found.state in (*AT_OFFICE, ENROLLED, REFUSED)
        if found is None or not at_office or found.expires_at <= now:
            raise NotFound(
                "No application with this number was sent.",
                where="number",
                next_step="Compare the number with the applicant’s page. "
                "It may have been withdrawn.",
            )
        return found

    def parts(self, uow: UnitOfWork, found: Application) -> dict[str, dict[str, str]]:
        """What the applicant wrote; empty when it was withdrawn in this moment."""
        try:
            return store.parts(uow, self._runtime.vault, found.id)
        except Erased:
            return {}

    def is_own(self, uow: UnitOfWork, found: Application, officer: Actor) -> bool:
        """Whether it is about the officer themselves, by the civil number that they declared."""
        declared = uow.one(select(staff.c.own_number).where(staff.c.id == officer.id))
        if declared is None or declared.own_number is None:
            return False
        try:
            number = civil_number(self.parts(uow, found).get(WHO, {}).get("civil_number", ""))
        except WrongField:
            return False
        index = self._runtime.vault.index(CIVIL_NUMBER, number)
        return hmac.compare_digest(index, declared.own_number)

    # ── one officer's for a while ─────────────────────────────────────────────────────

    def take(self, number: str, officer: Actor, now: datetime) -> Application:
        """It is this officer's now, and they may read it; the applicant sees that somebody does.
        Raises Conflict when a colleague has it, Forbidden for one's own."""
        with self._runtime.database.write() as uow:
            found = self.find(uow, number, now)
            if found.state not in AT_OFFICE:
                raise NotYours
            self._refuse_own(uow, found, officer)
            table = online_applications.c
            free = or_(
                table.officer.is_(None),
                table.officer == officer.id,
                table.leased_at <= now - self.lease,
                table.leased_at > now + self.lease,  # by a clock that was ahead
            )
            values = {"officer": officer.id, "leased_at": now}
            if not store.change(uow, found, values, now, free):
                raise Conflict(
                    "A colleague has this application.",
                    next_step="Choose another one, or ask them to give it back.",
                )
            self._note(uow, "application.taken", found, officer)
            return self.find(uow, number, now)

    def give_back(self, number: str, officer: Actor, now: datetime) -> None:
        """For a colleague; nothing else changes."""
        with self._runtime.database.write() as uow:
            found = self.find(uow, number, now)
            values = {"officer": None, "leased_at": None}
            if self._act(uow, found, values, officer, now):
                self._note(uow, "application.given-back", found, officer)

    def call_urgent(self, number: str, urgent: bool, officer: Actor, now: datetime) -> None:
        """It comes before the others, or no longer."""
        with self._runtime.database.write() as uow:
            found = self.find(uow, number, now)
            if not self._act(uow, found, {"urgent": urgent}, officer, now):
                raise NotYours
            self._note(uow, "application.urgent", found, officer, urgent=urgent)

    # ── decided ───────────────────────────────────────────────────────────────────────

    def ask(self, number: str, question: str, officer: Actor, now: datetime) -> None:
        """Something that the applicant has to say first. Raises BadRequest, NotYours."""
        asked = checked_reason(question)
        expires = now + timedelta(days=self._settings.answer_days)
        values = {"state": ASKED, "due_at": expires, "expires_at": expires}
        with self._runtime.database.write() as uow:
            found = self.find(uow, number, now)
            if found.state != SENT or not self._act(
                uow, found, {**values, "officer": None, "leased_at": None}, officer, now
            ):
                raise NotYours
            self._write(uow, found, QUESTION, asked)
            self._note(uow, "application.asked", found, officer, question=asked)
            self._contacts.tell(uow, found, "application.asked", now)

    def refuse(self, number: str, reason: str, officer: Actor, now: datetime) -> None:
        """It leads nowhere; the applicant reads why. Raises BadRequest, NotYours."""
        said = checked_reason(reason)
        with self._runtime.database.write() as uow:
            found = self.find(uow, number, now)
            if not self._act(uow, found, self._over(REFUSED, now), officer, now):
                raise NotYours
            self._write(uow, found, REASON, said)
            self._note(uow, "application.refused", found, officer, reason=said)
            self._contacts.tell(uow, found, "application.refused", now)

    def enrol(
        self,
        found: Application,
        profile: Profile,
        findings: Findings,
        policy_version: str,
        officer: Actor,
        now: datetime,
        also: Callable[[UnitOfWork, Enrolled], None],
    ) -> Enrolled:
        """An identity, by the one enrolment; the application is over in the same unit of work, so
        none is used twice, and none after it was withdrawn. Raises what enrolment raises, NotYours.
        """
        with self._runtime.database.read() as uow:
            fresh = store.by_id(uow, found.id)
            if fresh is None or not self._holds(fresh, officer, now):
                raise NotYours

        def over(uow: UnitOfWork, enrolled: Enrolled) -> None:
            also(uow, enrolled)
            values = {**self._over(ENROLLED, now), "person_id": enrolled.person.id}
            if not self._act(uow, fresh, values, officer, now):
                raise NotYours
            concerned = [found.id, enrolled.person.id]
            self._runtime.audit.record(uow, "application.enrolled", officer, concerned, {})
            self._contacts.tell(uow, fresh, "application.enrolled", now)

        return self._register.enrolment.enrol(
            profile,
            findings,
            officer,
            policy_version,
            now,
            over,
            begun_by=Actor("citizen", found.id),
            terms_version=fresh.terms_version,
        )

    def _over(self, state: str, now: datetime) -> dict[str, Any]:
        return {"state": state, "expires_at": now + timedelta(days=self._settings.kept_days)}

    def _holds(self, found: Application, officer: Actor, now: datetime) -> bool:
        return found.state in AT_OFFICE and found.held_by(self.lease, now) == officer.id

    def _act(
        self,
        uow: UnitOfWork,
        found: Application,
        values: dict[str, Any],
        officer: Actor,
        now: datetime,
    ) -> bool:
        """One conditional UPDATE: it happens while the officer has the application."""
        if not self._holds(found, officer, now):
            return False
        mine = online_applications.c.officer == officer.id
        return store.change(uow, found, values, now, mine)

    def _refuse_own(self, uow: UnitOfWork, found: Application, officer: Actor) -> None:
        if not self.is_own(uow, found, officer):
            return

        def keep(later: UnitOfWork) -> None:
            self._note(later, "application.own-refused", found, officer)

        raise Forbidden(
            "This is your own application.",
            next_step="Ask a colleague: nobody works on an application of their own.",
            consequence=keep,
        )

    def _write(self, uow: UnitOfWork, found: Application, step: str, said: str) -> None:
        seen = store.versions(uow, found.id).get(step, 0)
        store.save(uow, self._runtime.vault, found.id, step, {"said": said}, seen)

    def _note(
        self, uow: UnitOfWork, kind: str, found: Application, officer: Actor, **told: object
    ) -> None:
        self._runtime.audit.record(uow, kind, officer, [found.id], told)
