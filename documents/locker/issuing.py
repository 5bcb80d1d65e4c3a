"""An issuer makes out a document, makes it out anew, suspends or revokes it.

A document is for the person whom its issuer means: number, name and birth date must all be those of
one person of the register, or there is no document, and the person reads why in their locker.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from documents.locker import store
from documents.locker.document import Content, Document
from documents.locker.kinds import Issuer, Kind, Kinds
from documents.locker.matching import differs
from documents.locker.originals import Originals
from documents.locker.ports import EndsWithDocument, People
from foundation import opaque
from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import BadRequest, Conflict, Forbidden, NotFound, Unprocessable
from foundation.nearest import instead
from foundation.runtime import Runtime
from foundation.vault import Erased

Act = Literal["suspend", "resume", "revoke"]
_STEPS: Mapping[str, tuple[frozenset[str], str, str]] = {
    # act: (from, to, what the history says)
    "suspend": (frozenset({"valid"}), "suspended", "suspended"),
    "resume": (frozenset({"suspended"}), "valid", "resumed"),
    "revoke": (frozenset({"valid", "suspended"}), "revoked", "revoked"),
}
NUMBER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._~-]{0,62}[A-Za-z0-9])?")
LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class MadeOut:
    """What an issuer sends. The person is named by civil number, or by the pairwise subject under
    which the issuer knows them; `valid_until` ends it before its kind would."""

    kind: str
    number: str
    name: str
    birthdate: str
    content: Mapping[str, Any]
    civil_number: str | None = None
    subject: str | None = None
    valid_until: datetime | None = None


class Mismatched(Unprocessable):
    """The register knows the person by another name or birth date."""

    code = "person_does_not_match"


class Issuing:
    """What issuers do."""

    def __init__(
        self,
        runtime: Runtime,
        kinds: Kinds,
        originals: Originals,
        people: People,
        ends: Sequence[EndsWithDocument] = (),
    ) -> None:
        self._runtime = runtime
        self.kinds = kinds
        self._originals = originals
        self._people = people
        self._ends = tuple(ends)

    def issuer_of(self, client_id: str) -> Issuer:
        """The issuer that a client acts for; raises Forbidden."""
        found = self.kinds.of_client(client_id)
        if found is None:
            raise Forbidden(
                "This client acts for no issuer of documents.",
                next_step="An operator adds it to `clients` of an [[issuer]] in the file that "
                "[documents] kinds names, and restarts.",
            )
        return found

    def kind_of(self, issuer: Issuer, kind: str) -> Kind:
        """A kind of this issuer; raises NotFound."""
        found = self.kinds.kinds.get((issuer.id, kind))
        if found is None:
            own = [kind_id for issuer_id, kind_id in self.kinds.kinds if issuer_id == issuer.id]
            raise NotFound(
                f"{issuer.name} makes out no {kind!r}.",
                where="kind",
                next_step=instead(kind, own),
            )
        return found

    def make_out(self, issuer: Issuer, made: MadeOut, actor: Actor) -> tuple[Document, bool]:
        """A new document, or the next version of one with the same number: the document as it is
        now, and whether it is new. What is the same already is left alone. `actor`: the client that
        acts for the issuer, or who imports a file of its.

        Raises Mismatched, Unprocessable, NotFound, Conflict.
        """
        kind = self.kind_of(issuer, made.kind)
        self._check(kind, made)
        person_id = self._person(issuer, kind, made, actor)
        content = Content(made.number, made.name, made.birthdate, dict(made.content))
        now = self._runtime.clock.now()
        until = _until(kind, made, now)
        details = {"issuer": issuer.name, "document": kind.title, "kind": kind.claim}
        vault = self._runtime.vault
        with self._runtime.database.write() as uow:
            store.matches(uow, person_id, issuer.id, kind.id)
            there = store.by_number(uow, vault, issuer.id, kind.id, made.number)
            if there is not None:
                self._same_person(there, person_id)
                if there.content == content and there.valid_until == until:
                    return there, False
                sealed = self._seal(person_id, there.id, content)
                before = None
                if there.content is not None:
                    before = self._seal(person_id, there.id, there.content)
                values = {"version": there.version + 1, "sealed": sealed, "valid_until": until}
                if not store.change(uow, there, now, **values):
                    raise _crossed()
                store.note(uow, there.id, now, "replaced", there.version + 1, "", before)
                self._ended(uow, there, "replaced", now)
                self._runtime.audit.record(uow, "document.replaced", actor, (person_id,), details)
                return self._read(uow, issuer, kind, made.number), False
            document_id = opaque.identifier("doc")
            added = store.add(
                uow,
                {
                    "id": document_id,
                    "person_id": person_id,
                    "issuer": issuer.id,
                    "kind": kind.id,
                    "number_index": store.number_index(vault, issuer.id, kind.id, made.number),
                    "state": "valid",
                    "version": 1,
                    "sealed": self._seal(person_id, document_id, content),
                    "issued_at": now,
                    "valid_until": until,
                    "changed_at": now,
                },
            )
            if not added:
                raise _crossed()
            store.note(uow, document_id, now, "issued", 1)
            self._runtime.audit.record(uow, "document.issued", actor, (person_id,), details)
            return self._read(uow, issuer, kind, made.number), True

    def act(self, client_id: str, kind_id: str, number: str, act: Act, reason: str) -> Document:
        """Suspend, resume or revoke a document; it counts from the next time it is looked at."""
        if len(reason) > LONGEST_REASON:
            raise BadRequest(f"A reason has {LONGEST_REASON} characters at most.", where="reason")
        issuer = self.issuer_of(client_id)
        kind = self.kind_of(issuer, kind_id)
        now, vault = self._runtime.clock.now(), self._runtime.vault
        before, after, said = _STEPS[act]
        with self._runtime.database.write() as uow:
            there = store.by_number(uow, vault, issuer.id, kind.id, number)
            if there is None:
                raise _no_such(issuer, kind)
            if there.state not in before:
                raise Conflict(
                    f"The document is {there.state}: it cannot be {said}.",
                    next_step="A revoked document stays revoked; make out one with a new number.",
                )
            if not store.change(uow, there, now, state=after):
                raise _crossed()
            store.note(uow, there.id, now, said, there.version, reason)
            if after != "valid":
                self._ended(uow, there, said, now)
            self._runtime.audit.record(
                uow,
                f"document.{said}",
                Actor("service", client_id),
                (there.person_id,),
                {"issuer": issuer.name, "document": kind.title, "kind": kind.claim},
            )
            return self._read(uow, issuer, kind, number)

    def _ended(self, uow: UnitOfWork, document: Document, because: str, now: datetime) -> None:
        for one in self._ends:
            one.end_document(uow, document.id, because, now)

    def own(self, client_id: str, kind_id: str, number: str) -> tuple[Document, str]:
        """An issuer's own document, and its original; raises NotFound."""
        issuer = self.issuer_of(client_id)
        kind = self.kind_of(issuer, kind_id)
        with self._runtime.database.read() as uow:
            there = store.by_number(uow, self._runtime.vault, issuer.id, kind.id, number)
        if there is None or there.content is None:
            raise _no_such(issuer, kind)
        return there, self._originals.make(there, there.content, kind)

    # ── the checks ────────────────────────────────────────────────────────────────────

    def _check(self, kind: Kind, made: MadeOut) -> None:
        if not NUMBER.fullmatch(made.number):
            raise Unprocessable(
                "A number has 1 to 64 letters, digits, dots, hyphens and underscores, and begins "
                "and ends with a letter or digit.",
                where="number",
            )
        try:
            date.fromisoformat(made.birthdate)
        except ValueError:
            raise Unprocessable("Write the birth date as YYYY-MM-DD.", where="birthdate") from None
        if faults := kind.faults(made.content):
            raise Unprocessable(" ".join(faults), where="content")
        if made.valid_until is not None and made.valid_until <= self._runtime.clock.now():
            raise Unprocessable("The document would be over already.", where="valid_until")

    def _person(self, issuer: Issuer, kind: Kind, made: MadeOut, actor: Actor) -> str:
        """The person whom the issuer means."""
        if (made.civil_number is None) == (made.subject is None):
            raise Unprocessable(
                "Name the person by civil_number, or by sub: one of the two.", where="civil_number"
            )
        if made.civil_number is not None:
            person_id = self._people.by_civil_number(made.civil_number)
        else:
            person_id = self._people.by_subject(actor.id, made.subject or "")
        if person_id is None:
            raise Mismatched(
                "There is nobody of this number, name and birth date in the register.",
                where="civil_number",
                next_step="Compare the number with the person's papers; who is not enrolled yet "
                "goes to the registration office first.",
            )
        claims = self._people.known(person_id).claims(("name", "birthdate"))
        what = differs(made.name, made.birthdate, claims.get("name"), claims.get("birthdate"))
        if not what:
            return person_id
        now = self._runtime.clock.now()
        with self._runtime.database.write() as uow:
            store.mismatch(uow, person_id, issuer.id, kind.id, what, now)
            self._runtime.audit.record(
                uow,
                "document.mismatched",
                actor,
                (person_id,),
                {"issuer": issuer.name, "document": kind.title, "what": list(what)},
            )
        raise Mismatched(
            "There is nobody of this number, name and birth date in the register.",
            where=" ".join(what),
            next_step="Compare both with the person's papers, and correct your record. If it is "
            "right, the person has theirs corrected at the registration office; they can read of "
            "it in their account.",
        )

    def _same_person(self, there: Document, person_id: str) -> None:
        if there.person_id != person_id:
            raise Conflict(
                "This number is that of another person's document.",
                next_step="Give each document a number of its own.",
            )
        if there.state == "revoked":
            raise Conflict("The document is revoked.", next_step="Make out one with a new number.")

    def _seal(self, person_id: str, document_id: str, content: Content) -> bytes:
        try:
            return store.seal(self._runtime.vault, person_id, document_id, content)
        except Erased:
            raise Conflict(
                "There is no such identity any more.", next_step="Speak to the registration office."
            ) from None

    def _read(self, uow: Any, issuer: Issuer, kind: Kind, number: str) -> Document:
        found = store.by_number(uow, self._runtime.vault, issuer.id, kind.id, number)
        assert found is not None  # noqa: S101 - it was written in this unit of work
        return found


def _until(kind: Kind, made: MadeOut, now: datetime) -> datetime | None:
    """The earlier of what the issuer and the kind say; to the second, as originals do."""
    ends = [made.valid_until] if made.valid_until is not None else []
    if kind.valid_days is not None:
        ends.append(now + timedelta(days=kind.valid_days))
    return min(ends).replace(microsecond=0) if ends else None


def _crossed() -> Conflict:
    return Conflict(
        "The document was changed at this moment by somebody else.", next_step="Send it again."
    )


def _no_such(issuer: Issuer, kind: Kind) -> NotFound:
    return NotFound(
        f"{issuer.name} has made out no {kind.title} of this number.",
        next_step="Compare the number, and letters in it, with your record.",
    )
