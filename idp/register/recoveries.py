"""Asking for a way back, stopping it, using it — NIST SP 800-63B §6.1.2.3, failures 4.

Who lost every means asks for a letter to the address in the register, by what anybody may know of
them: so it waits for the delay of the policy, they are told on another way, and any means that
somebody still holds stops it. An officer who has just seen who they are sends it without a delay.
The subject at services stays; all older means end when the code is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update

from foundation import opaque
from foundation.audit import SYSTEM, Actor
from foundation.clock import AHEAD
from foundation.database import UnitOfWork
from foundation.errors import Conflict
from foundation.marking import N_, Sentence
from foundation.runtime import Runtime
from foundation.sealing import CannotOpen
from foundation.vault import Erased
from idp.register import recovery, second_looks, store, two_people
from idp.register.activation import CodeRefused
from idp.register.letters import Letter, Letters
from idp.register.life import Guard, State
from idp.register.lost import Lost
from idp.register.notices import Notices
from idp.register.person import Person
from idp.register.reasons import checked_reason
from idp.register.recovery import (
    DESK,
    HIGHEST,
    LETTER_PROVES,
    POST,
    Recovery,
    is_open,
    recoveries,
)
from idp.register.settings import RegisterSettings
from idp.register.sign_in_names import SignInNames
from idp.register.subject import Subject

JOB, _SEALED = "recovery", "what somebody wrote who lost their means"
AGAIN = timedelta(days=14)
"""A letter that is on its way for longer was lost: another one may be asked for."""
REST = timedelta(days=30)
"""Whoever stopped a letter is not asked again and again: till then the desk helps."""
_KEPT = timedelta(days=90)

WAITS = N_("The letter is made when the delay is over.")
ANOTHER = N_("The letter before did not arrive, so another one is made.")
ASKED = N_("A letter is on its way already, so nothing more is done.")
RESTS = N_("A letter was stopped lately, so no new one is made: the registration office helps.")
SECOND_LOOK = N_("An officer has to look at this identity first, so no letter is made.")
CLOSED = N_("This identity is not active, so no letter is made: the registration office helps.")
NEVER_SENT = N_("No letter was made for this identity before: the registration office helps.")
NOBODY = "nobody has this name or number with this birth date"


class Recoveries:
    """Ways back of citizens. Staff have their own: two others let them in (`staff_changes`)."""

    def __init__(self, runtime: Runtime, letters: Letters, notices: Notices) -> None:
        settings = runtime.settings.of(RegisterSettings)
        self.delay = timedelta(days=settings.recovery_days)
        self._usable = timedelta(days=2 * settings.activation_code_days)
        self._runtime = runtime
        self._letters = letters
        self._notices = notices
        self._names = SignInNames(runtime.vault)
        runtime.jobs.handler(JOB, self._answer)
        runtime.jobs.periodic(
            "ways back", timedelta(minutes=30), lambda: self.sweep(runtime.clock.now())
        )

    # ── asked for by anybody, without a word on who exists ────────────────────────────

    def take(self, uow: UnitOfWork, lost: Lost, now: datetime) -> None:
        """Keep what somebody wrote, sealed, to be looked at later: whoever is answered meanwhile
        learns nothing, not even by the time that it takes (failures 21)."""
        sealed = self._runtime.keys.seal(_SEALED, lost.to_json(), JOB)
        self._runtime.jobs.enqueue(uow, JOB, {"sealed": sealed.hex()}, run_at=now)

    def _answer(self, payload: Mapping[str, Any]) -> None:
        try:
            opened = self._runtime.keys.open(_SEALED, bytes.fromhex(str(payload["sealed"])), JOB)
        except CannotOpen:
            return
        lost, now = Lost.from_json(opened), self._runtime.clock.now()
        with self._runtime.database.write() as uow:
            person = self._named(uow, lost)
            told: dict[str, Any] = {"because": NOBODY} if person is None else {}
            if person is not None:
                told = self._by_post(uow, person, now)
            # One event, whatever came of it: its public form tells nobody who exists.
            concerned = () if person is None else (person.id,)
            self._runtime.audit.record(uow, "recovery.asked", SYSTEM, concerned, told)

    def _named(self, uow: UnitOfWork, lost: Lost) -> Person | None:
        """The person with this name or number who was born then; nobody else."""
        found = []
        subject = self._names.subject_of(uow, lost.named)
        if subject is not None and subject.kind == "citizen":
            found.append(subject.id)
        if lost.number:
            number = store.by_civil_number(uow, self._runtime.vault, lost.number)
            found.extend([number] if number else [])
        for person_id in found:
            try:
                person, profile = store.known_with_profile(uow, self._runtime.vault, person_id)
            except (store.NoSuchPerson, Erased):
                continue
            if lost.was_born(profile.birthdate):
                return person
        return None

    def _by_post(self, uow: UnitOfWork, person: Person, now: datetime) -> dict[str, Any]:
        """What is done, as the person reads it."""
        if second_looks.stands_in_the_way(uow, person.id):
            return {"reason": SECOND_LOOK}
        letter = self._letters.newest(uow, person.id)
        if person.state is State.ESTABLISHED:
            return {"reason": self._first_letter(uow, person, letter, now)}
        if person.state is not State.ACTIVE:
            return {"reason": CLOSED}
        standing = recovery.open_of(uow, person.id)
        if standing is not None:
            if letter is None or _is_lost(letter, standing, now):
                self._letters.queue(uow, person.id, SYSTEM, now)
                return {"reason": ANOTHER}
            return {"reason": ASKED}
        if self._rests(uow, person.id, now):
            return {"reason": RESTS}
        made = self._begin(uow, person, POST, SYSTEM, now)
        return {"reason": WAITS, "due_at": made.due_at}

    def _first_letter(
        self, uow: UnitOfWork, person: Person, letter: Letter | None, now: datetime
    ) -> str:
        """Who never was here has nothing that a new letter could take: it needs no delay."""
        if letter is None or letter.state == "stopped":
            return NEVER_SENT
        if letter.state == "waiting" or (letter.printed_at or now) > now - AGAIN:
            return ASKED
        self._letters.queue(uow, person.id, SYSTEM, now)
        return ANOTHER

    def _rests(self, uow: UnitOfWork, person_id: str, now: datetime) -> bool:
        lately = select(recoveries.c.id).where(
            recoveries.c.person_id == person_id,
            recoveries.c.state == "stopped",
            recoveries.c.ended_at > now - REST,
            recoveries.c.ended_at <= now + AHEAD,
        )
        return uow.one(lately.limit(1)) is not None

    def of(self, uow: UnitOfWork, person_id: str) -> Recovery | None:
        """What was asked for, and neither used, stopped nor over."""
        return recovery.open_of(uow, person_id)

    # ── asked for by an officer, or by the operator of the host ───────────────────────

    def foresee(self, uow: UnitOfWork, person_id: str, now: datetime) -> tuple[str, int]:
        """(way, level) of what `ask` would do; refuses as it does, and changes nothing."""
        person = store.known_person(uow, person_id)
        if person.state is not State.ACTIVE:
            raise Conflict(
                N_(
                    "This identity is %(state)s; a letter back in is for one that is active.",
                    state=Sentence(person.state, {}),
                ),
                where="state",
                next_step=N_(
                    "Look at the state of this identity, and choose a step that it offers."
                ),
            )
        if second_looks.stands_in_the_way(uow, person_id):
            raise Conflict(
                "A second look at this identity has not ended well yet.",
                where="state",
                next_step="Another officer looks at the decision first: the desk lists it.",
            )
        if recovery.check_at_desk(uow, person, now):
            return DESK, person.level
        return POST, min(person.level, LETTER_PROVES)

    def ask(
        self, uow: UnitOfWork, person_id: str, by: Actor, reason: str, now: datetime
    ) -> Recovery:
        """A letter that lets the person back in: at once for who was proofed face to face at their
        level within `CHECKED_FOR`, else after the delay. One that was asked for already is the
        answer, unless the check is newer. Raises Conflict, BadRequest, and Forbidden for who
        alone wrote the address that it would go to.
        """
        reason = checked_reason(reason)
        way, _ = self.foresee(uow, person_id, now)
        two_people.refuse_address_writer(uow, self._runtime.audit, person_id, by)
        person = store.known_person(uow, person_id)
        standing = recovery.open_of(uow, person_id)
        if standing is not None:
            if way == POST or standing.way == DESK:
                letter = self._letters.newest(uow, person_id)
                if letter is None or _is_lost(letter, standing, now):
                    self._letters.queue(uow, person_id, by, now)
                return standing
            self._close(uow, standing, "ended", now)
        made = self._begin(uow, person, way, by, now)
        told = {"reason": reason, "way": way, "due_at": made.due_at}
        if way == DESK:
            told["decision"] = str(recovery.check_at_desk(uow, person, now))
        self._runtime.audit.record(uow, "recovery.asked-by-office", by, [person_id], told)
        return made

    # ── stopped, ended, used ──────────────────────────────────────────────────────────

    def stop(
        self, uow: UnitOfWork, person_id: str, by: Actor, now: datetime, reason: str = ""
    ) -> bool:
        """No letter of it lets anybody in any more; False when there was none. The caller has
        seen who stops it: an officer, or who holds a means of the person."""
        standing = recovery.open_of(uow, person_id)
        if standing is None or not self._close(uow, standing, "stopped", now):
            return False
        self._letters.stop(uow, person_id, by, now)
        told = {"way": standing.way, **({"reason": reason} if reason else {})}
        self._runtime.audit.record(uow, "recovery.stopped", by, [person_id], told)
        self._notices.tell(uow, Subject("citizen", person_id), "recovery.stopped", now)
        return True

    def complete(self, uow: UnitOfWork, person_id: str, now: datetime) -> Person:
        """The code was used, and a new means is bound: the identity goes on, with the level that
        the way back leaves it. Raises CodeRefused when it was stopped meanwhile."""
        person, standing = store.known_person(uow, person_id), recovery.open_of(uow, person_id)
        if standing is None or not standing.is_ready(now):
            raise CodeRefused("no way back is open")
        if not self._close(uow, standing, "done", now):
            raise CodeRefused("stopped in the same moment")
        level = min(person.level, standing.level)
        lower = {"level": level, "in_person": False} if level < person.level else {}
        subject = Subject("citizen", person_id)
        self._notices.tell(uow, subject, "identity.recovered", now)
        return store.change_state(
            uow,
            self._runtime.audit,
            person_id,
            "recover",
            {Guard.CREDENTIAL, Guard.CONFIRMED},
            Actor("citizen", person_id),
            now,
            details={"level": level, "before": person.level, "way": standing.way},
            values=lower,
        )

    def sweep(self, now: datetime) -> None:
        """Periodic work: what nobody used ends, what ended long ago goes. What was asked for while
        a clock was ahead was asked for by now, and its delay begins (failures 18)."""
        ahead = is_open() & (recoveries.c.asked_at > now + AHEAD)
        late = is_open() & (recoveries.c.expires_at <= now)
        old = recoveries.c.ended_at < now - _KEPT
        with self._runtime.database.read() as uow:
            if uow.one(select(recoveries.c.id).where(ahead | late | old).limit(1)) is None:
                return
        due = now + self.delay
        with self._runtime.database.write() as uow:
            uow.execute(update(recoveries).where(late).values(state="ended", ended_at=now))
            uow.execute(delete(recoveries).where(old))
            right = {"asked_at": now, "due_at": due, "expires_at": due + self._usable}
            uow.execute(update(recoveries).where(ahead, recoveries.c.way == POST).values(right))

    def _begin(
        self, uow: UnitOfWork, person: Person, way: str, by: Actor, now: datetime
    ) -> Recovery:
        """Ask for it, queue its letter, and tell the person outside of their session."""
        due = now if way == DESK else now + self.delay
        level = HIGHEST if way == DESK else LETTER_PROVES
        expires = due + self._usable
        made = Recovery(opaque.identifier("rec"), person.id, way, by, now, due, expires, level)
        uow.execute(
            insert(recoveries).values(
                id=made.id,
                person_id=person.id,
                way=way,
                state="asked",
                asked_by_kind=by.kind,
                asked_by=by.id,
                asked_at=now,
                due_at=due,
                expires_at=expires,
                level=level,
            )
        )
        self._letters.queue(uow, person.id, by, now)
        kind = "recovery.asked" if way == POST else "recovery.asked-at-desk"
        self._notices.tell(uow, Subject("citizen", person.id), kind, now, {"due": due.isoformat()})
        return made

    def _close(self, uow: UnitOfWork, standing: Recovery, state: str, now: datetime) -> bool:
        ended = update(recoveries).where(recoveries.c.id == standing.id, is_open())
        return uow.changed(ended.values(state=state, ended_at=now)) == 1


def _is_lost(letter: Letter, standing: Recovery, now: datetime) -> bool:
    """Whether the letter of this way back will not arrive any more."""
    if letter.state == "waiting":
        return False
    if letter.state == "stopped" or letter.asked_at < standing.asked_at:
        return True
    return letter.printed_at is not None and letter.printed_at <= now - AGAIN
