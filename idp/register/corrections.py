"""Corrections of a record: asked, proposed, confirmed, made — GDPR art. 5(1)(d), 16, 18, 19.

A correction names what changes, from which value to which, by which source and why. By policy it is
made at once or waits for a colleague. Old values are sealed under the person's key and go when the
policy says so, the correction with them; the history and the ledger say that there was one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, insert, select, update

from foundation import opaque
from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import BadRequest, Conflict, Forbidden, NotFound, Unprocessable
from foundation.runtime import Runtime
from foundation.settings import Jurisdiction
from foundation.vault import Erased
from idp.register import recovery, search, store
from idp.register.correction_policy import CorrectionPolicy
from idp.register.letters import Letters
from idp.register.life import State
from idp.register.notices import Notices
from idp.register.person import Person
from idp.register.profile import FIELDS, Profile
from idp.register.proofing import Proofing
from idp.register.reasons import checked_reason
from idp.register.settings import RegisterSettings
from idp.register.subject import Subject
from idp.register.tables import corrections, persons, proofing_decisions
from idp.register.uniqueness.uniqueness import Uniqueness

CORRECTABLE = frozenset({State.ESTABLISHED, State.ACTIVE, State.SUSPENDED})
ASKED, WAITING, DONE, REFUSED = "asked", "waiting", "done", "refused"
_SEALED = "register correction"


@dataclass(frozen=True, slots=True)
class Change:
    """One field, from one text to another; empty: not known."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Correction:
    """As it is kept. `changes` and `reason` are empty in a list, and where the key is gone."""

    id: str
    person_id: str
    state: str
    fields: tuple[str, ...]
    source: str
    by: Actor
    at: datetime
    second: str | None
    done_at: datetime | None
    changes: tuple[Change, ...] = ()
    reason: str = ""


def texts_of(profile: Profile) -> dict[str, str]:
    """A record as the texts that a form holds."""
    return {name: str(_plain(getattr(profile, name))) for name in FIELDS}


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else str(value.isoformat())


def changes_between(before: Profile, after: Profile) -> tuple[Change, ...]:
    old, new = texts_of(before), texts_of(after)
    return tuple(Change(n, old[n], new[n]) for n in FIELDS if old[n] != new[n])


ADDRESS = frozenset({"given_name", "family_name", "street_address", "postal_code", "locality"})
"""Where letters go, and to whom."""


class Corrections:
    """The one way in which a record changes."""

    def __init__(
        self, runtime: Runtime, proofing: Proofing, letters: Letters, uniqueness: Uniqueness
    ) -> None:
        self._runtime = runtime
        self._vault = runtime.vault
        self._audit = runtime.audit
        self._jurisdiction = runtime.settings.of(Jurisdiction)
        self._proofing = proofing
        self._letters = letters
        self._uniqueness = uniqueness
        self._notices = Notices(runtime)

    @property
    def policy(self) -> CorrectionPolicy:
        return self._proofing.corrections

    def foresee(
        self, uow: UnitOfWork, person_id: str, after: Profile, source: str
    ) -> tuple[Change, ...]:
        """What would change; refuses as `make` does, and changes nothing."""
        refuse_state(store.known_person(uow, person_id))
        changes = changes_between(store.profile(uow, self._vault, person_id), after)
        if not changes:
            raise Unprocessable(
                "Nothing in this record would change.",
                where="form",
                next_step="Change at least one value, or go back.",
            )
        wrong = self.policy.not_from([c.field for c in changes], source)
        if wrong:
            raise Unprocessable(
                "By the policy, this source does not count for all that you changed.",
                where="source",
                next_step="Choose a source that vouches for it, or change less at once.",
                detail=wrong,
            )
        if any(c.field == "civil_number" for c in changes):
            other = store.by_civil_number(uow, self._vault, after.civil_number)
            if other is not None and other != person_id:
                raise store.already_enrolled()
        return changes

    def make(
        self,
        uow: UnitOfWork,
        person_id: str,
        after: Profile,
        source: str,
        reason: str,
        by: Actor,
        now: datetime,
    ) -> Correction:
        """Correct the record, or have it wait for a colleague where policy asks for one.

        Raises Conflict, Unprocessable, AlreadyEnrolled (EN-3), BadRequest.
        """
        reason = checked_reason(reason)
        changes = self.foresee(uow, person_id, after, source)
        second = self.policy.needs_second([c.field for c in changes])
        made = self._keep(
            uow, person_id, WAITING if second else DONE, changes, source, reason, by, now
        )
        if second:
            told = {"fields": list(made.fields), "source": source, "reason": reason}
            self._audit.record(uow, "register.correction-waiting", by, [person_id], told)
        else:
            self._apply(uow, made, by, now)
        return made

    def make_own(
        self, uow: UnitOfWork, person_id: str, after: Profile, now: datetime
    ) -> Correction:
        """The person's own change of what policy lets them change. Raises Forbidden."""
        changes = self.foresee(uow, person_id, after, "self")
        if not {c.field for c in changes} <= set(self.policy.own()):
            raise Forbidden(
                "This part of your record is not yours to change alone.",
                next_step="Tell the registration office what is wrong.",
            )
        me = Actor("citizen", person_id)
        made = self._keep(uow, person_id, DONE, changes, "self", "", me, now)
        self._apply(uow, made, me, now)
        return made

    def ask(self, uow: UnitOfWork, person_id: str, said: str, now: datetime) -> str:
        """The person says what is wrong: a task for the desk. Returns its id; one at a time."""
        reason = checked_reason(said)
        if any(c.state == ASKED for c in self.of(uow, person_id)):
            raise Conflict(
                "You have told the office already, and it has not answered yet.",
                next_step="Wait for its answer, or go there.",
            )
        me = Actor("citizen", person_id)
        asked = self._keep(uow, person_id, ASKED, (), "self", reason, me, now)
        self._audit.record(uow, "register.correction-asked", me, [person_id], {"reason": reason})
        return asked.id

    def answer(
        self, uow: UnitOfWork, correction_id: str, by: Actor, reason: str, now: datetime
    ) -> Correction:
        """The desk has dealt with what a person asked; they read the answer."""
        asked = self._close(uow, correction_id, ASKED, DONE, by, now)
        told = {"reason": checked_reason(reason)}
        self._audit.record(uow, "register.correction-answered", by, [asked.person_id], told)
        return asked

    def confirm(
        self, uow: UnitOfWork, correction_id: str, by: Actor, accept: bool, now: datetime
    ) -> Correction:
        """The second officer's word. Raises Forbidden for the first one, Conflict."""
        waiting = self.find(uow, correction_id)
        if waiting.by == by:
            raise Forbidden(
                "Who proposed this correction cannot confirm it.",
                next_step="Ask a colleague to compare it with the source.",
            )
        closed = self._close(uow, correction_id, WAITING, DONE if accept else REFUSED, by, now)
        if accept:
            self._apply(uow, closed, by, now)
        else:
            told = {"fields": list(closed.fields)}
            self._audit.record(uow, "register.correction-refused", by, [closed.person_id], told)
        return closed

    # ── reading ───────────────────────────────────────────────────────────────────────

    def find(self, uow: UnitOfWork, correction_id: str) -> Correction:
        """Raises NotFound."""
        row = uow.one(select(corrections).where(corrections.c.id == correction_id))
        if row is None:
            raise NotFound("There is no such correction.", detail=correction_id)
        return self._opened(row)

    def of(self, uow: UnitOfWork, person_id: str) -> Sequence[Correction]:
        """All about one person, newest first."""
        query = select(corrections).where(corrections.c.person_id == person_id)
        rows = uow.all(query.order_by(corrections.c.at.desc(), corrections.c.id).limit(100))
        return [self._opened(row) for row in rows]

    def queue(self, uow: UnitOfWork, limit: int = 200) -> Sequence[Correction]:
        """What the desk has to do, the oldest first; without what is sealed."""
        query = select(corrections).where(corrections.c.state.in_((ASKED, WAITING)))
        rows = uow.all(query.order_by(corrections.c.at, corrections.c.id).limit(limit))
        return [_correction(row) for row in rows]

    def _opened(self, row: Row[Any]) -> Correction:
        if row.sealed is None:
            return _correction(row)
        try:
            opened = self._vault.open(row.person_id, row.sealed, f"{_SEALED}\0{row.id}")
        except Erased:
            return _correction(row)
        kept = json.loads(opened)
        return _correction(row, tuple(Change(*c) for c in kept["changes"]), kept["reason"])

    # ── writing ───────────────────────────────────────────────────────────────────────

    def _keep(
        self,
        uow: UnitOfWork,
        person_id: str,
        state: str,
        changes: Sequence[Change],
        source: str,
        reason: str,
        by: Actor,
        now: datetime,
    ) -> Correction:
        correction_id = opaque.identifier("cor")
        fields = [c.field for c in changes]
        kept = {"changes": [[c.field, c.old, c.new] for c in changes], "reason": reason}
        text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
        days = self.policy.keep_days(fields or FIELDS)
        uow.execute(
            insert(corrections).values(
                id=correction_id,
                person_id=person_id,
                state=state,
                fields=fields,
                source=source,
                by_kind=by.kind,
                by_id=by.id,
                at=now,
                done_at=now if state == DONE else None,
                keep_until=now + timedelta(days=days),
                sealed=self._vault.seal(person_id, text.encode(), f"{_SEALED}\0{correction_id}"),
            )
        )
        return self.find(uow, correction_id)

    def _close(
        self, uow: UnitOfWork, correction_id: str, before: str, after: str, by: Actor, now: datetime
    ) -> Correction:
        changed = uow.changed(
            update(corrections)
            .where(corrections.c.id == correction_id, corrections.c.state == before)
            .values(state=after, second=by.id, done_at=now)
        )
        if changed != 1:
            raise Conflict("Somebody answered this already.", next_step="Load the page again.")
        return self.find(uow, correction_id)

    def _apply(self, uow: UnitOfWork, made: Correction, by: Actor, now: datetime) -> None:
        """Change the record, unless it is another one by now than it was when this began."""
        before = store.known_person(uow, made.person_id)
        old = store.profile(uow, self._vault, made.person_id)
        texts = texts_of(old)
        if before.state not in CORRECTABLE or any(texts[c.field] != c.old for c in made.changes):
            raise Conflict(
                "The record was changed since this correction was written down.",
                next_step="Load the page again, and correct it anew.",
            )
        today = now.astimezone(self._jurisdiction.zone).date()
        new = Profile.parse({**texts, **{c.field: c.new for c in made.changes}}, today)
        if "civil_number" in made.fields:
            store.drop_indexes(uow, made.person_id)
            store.index_civil_number(uow, self._vault, made.person_id, new.civil_number)
        search.index(uow, self._vault, made.person_id, new)
        level = min(before.level, self.policy.most_level(made.fields))
        if level < before.level:
            self._evidence_ends(uow, made.person_id)
        changed = uow.changed(
            update(persons)
            .where(persons.c.id == made.person_id, persons.c.changed_at == before.changed_at)
            .values(
                sealed_profile=store.seal_profile(self._vault, made.person_id, new),
                level=level,
                changed_at=now,
            )
        )
        if changed != 1:
            raise Conflict(
                "Somebody else changed this record in the same moment.",
                next_step="Load the page again.",
            )
        after = store.known_person(uow, made.person_id)
        told = {
            "changed": list(made.fields),
            "source": made.source,
            "reason": made.reason,
            "level": level,
            "correction": made.id,
        }
        store.write_history(uow, self._audit, before.state, after, "adjust", by, now, told)
        self._uniqueness.changed(uow, made.person_id, new, now)
        if ADDRESS.intersection(made.fields):
            self._letters_go_elsewhere(uow, made, by, now)
        # To the old address too: who has it changed for a thief's is told where they are.
        self._notices.tell(
            uow,
            Subject("citizen", made.person_id),
            "contact.changed",
            now,
            {"changed": ", ".join(made.fields)},
            also_to=(old.email,),
        )

    def _letters_go_elsewhere(
        self, uow: UnitOfWork, made: Correction, by: Actor, now: datetime
    ) -> None:
        """Who asked for a letter meant the old address. One that waits for the delay waits for the
        whole of it again; another one is stopped where the new address is one person's word."""
        standing = recovery.open_of(uow, made.person_id)
        if standing is not None and standing.way == recovery.POST:
            delay = timedelta(days=self._runtime.settings.of(RegisterSettings).recovery_days)
            recovery.begin_again(uow, made.person_id, delay, now)
        elif by.kind == "staff" and made.by == by:
            self._letters.withhold(uow, made.person_id, by)

    def _evidence_ends(self, uow: UnitOfWork, person_id: str) -> None:
        """What a colleague was still to confirm named somebody whose record was another one."""
        uow.execute(
            update(proofing_decisions)
            .where(
                proofing_decisions.c.person_id == person_id,
                proofing_decisions.c.result == "awaiting-second-officer",
            )
            .values(result="refused", reasons=["The record was corrected since."])
        )


def over(now: datetime) -> ColumnElement[bool]:
    """Those whose old values are not kept any more: they go; the history says that they were."""
    return (corrections.c.keep_until <= now) & corrections.c.state.in_((DONE, REFUSED))


def end(uow: UnitOfWork, person_id: str) -> None:
    """The identity ends: nothing of it is corrected any more, and no old value is kept."""
    uow.execute(delete(corrections).where(corrections.c.person_id == person_id))


def refuse_state(person: Person) -> None:
    """Raises Conflict for an identity that has ended."""
    if person.state not in CORRECTABLE:
        raise Conflict(
            f"The record of an identity that is {person.state} is not corrected.",
            where="state",
            next_step="Restore the identity first.",
        )


def checked_source(policy: CorrectionPolicy, written: str) -> str:
    """Raises BadRequest unless it is a source of the policy."""
    if written not in policy.sources():
        raise BadRequest(
            "A correction needs its source.",
            where="source",
            next_step="Choose who says so: the register, a document, or the person.",
        )
    return written


def _correction(row: Row[Any], changes: tuple[Change, ...] = (), reason: str = "") -> Correction:
    return Correction(
        row.id,
        row.person_id,
        row.state,
        tuple(row.fields),
        row.source,
        Actor(row.by_kind, row.by_id),
        row.at,
        row.second,
        row.done_at,
        changes,
        reason,
    )
