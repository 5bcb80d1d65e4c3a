"""The regulator's acts: application, accreditation, suspension, withdrawal — ITU-T regulator model.

Each act is one unit of work: the entity's state, its marks, the history and the audit move
together. What outsiders see of it is in `authority.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.exc import IntegrityError

from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import Conflict, NotFound, Problem, Unprocessable
from foundation.marking import N_
from foundation.runtime import Runtime
from idp.federation import store
from idp.federation.entity_statement import EntityStatement
from idp.federation.jws import Invalid
from idp.federation.resolution import Resolution, Unresolved
from idp.federation.store import Entity

OPENID_PROVIDER = "openid_provider"
OPENID_RELYING_PARTY = "openid_relying_party"
ENTITY_TYPES = (OPENID_PROVIDER, OPENID_RELYING_PARTY)
LEVELS = (1, 2, 3, 4)
_LONGEST_REASON = 2000

# act → (states from which it may be done, the state it leads to)
_TRANSITIONS: Mapping[str, tuple[frozenset[str], str]] = {
    "accredit": (frozenset({"applied", "accredited"}), "accredited"),
    "suspend": (frozenset({"accredited"}), "suspended"),
    "reinstate": (frozenset({"suspended"}), "accredited"),
    "withdraw": (frozenset({"applied", "accredited", "suspended"}), "withdrawn"),
    "apply": (frozenset({"withdrawn"}), "applied"),
}


class Accreditation:
    """What the staff of a regulator do with an entity. `by` is the id of who does it."""

    def __init__(self, runtime: Runtime, resolution: Resolution, entity_id: str) -> None:
        self._runtime = runtime
        self._resolution = resolution
        self._entity_id = entity_id

    def apply(self, entity_id: str, by: str) -> Entity:
        """Add an application: the entity's own configuration is fetched and checked.

        It must be signed by a key that it names, name us as its authority, and be a provider or
        a relying party of OpenID Connect. Raises Unprocessable with what is wrong, or Conflict.
        """
        statement = self._checked(entity_id)
        organization, types = _description(statement)
        now = self._runtime.clock.now()
        try:
            with self._runtime.database.write() as uow:
                known = store.entity(uow, entity_id)
                if known is None:
                    reference = store.save_application(
                        uow, entity_id, organization, types, statement.keys, now
                    )
                    self._record(uow, reference, entity_id, "apply", None, "", by)
                else:
                    self._move(uow, known, "apply", None, "", by)
                    store.replace_description(uow, known, organization, types, statement.keys)
        except IntegrityError:
            raise _already(entity_id) from None
        return self.entity(entity_id)

    def accredit(self, entity_id: str, level: int | None, by: str, reason: str = "") -> Entity:
        """Accredit at `level` (1–4); None only enrols a relying party. Raises a Problem.

        An entity that did not apply before is taken up first. Marks of another level end.
        """
        if level is not None and level not in LEVELS:
            raise Unprocessable("The level is one of 1, 2, 3 and 4.", where="level")
        with self._runtime.database.read() as uow:
            known = store.entity(uow, entity_id)
        if known is None or known.state == "withdrawn":
            known = self.apply(entity_id, by)
        if level is None and OPENID_PROVIDER in known.entity_types and len(known.entity_types) == 1:
            raise Unprocessable(
                "A provider is accredited at a level.", where="level", next_step="Choose 1 to 4."
            )
        with self._runtime.database.write() as uow:
            self._move(uow, known, "accredit", level, reason, by)
            if level != known.level:
                store.set_marks(uow, known.id, ("active", "suspended"), "revoked")
        return self.entity(entity_id)

    def suspend(self, entity_id: str, by: str, reason: str) -> Entity:
        """Stop it for now: no statement, its marks say `suspended`. A reason is required."""
        return self._stop(entity_id, "suspend", by, reason, ("active",), "suspended")

    def reinstate(self, entity_id: str, by: str, reason: str) -> Entity:
        """End a suspension at the level that was held."""
        return self._stop(entity_id, "reinstate", by, reason, ("suspended",), "active")

    def withdraw(self, entity_id: str, by: str, reason: str) -> Entity:
        """End the accreditation for good: its marks are revoked."""
        return self._stop(entity_id, "withdraw", by, reason, ("active", "suspended"), "revoked")

    def refresh_keys(self) -> None:
        """Take over the keys of accredited entities that rolled theirs over (§11.1).

        A new configuration counts only when a key that we already hold signed it.
        """
        with self._runtime.database.read() as uow:
            known = [e for e in store.entities(uow) if e.is_accredited]
        for entity in known:
            try:
                statement = self._resolution.configuration(entity.entity_id)
                statement.verified_by(entity.keys)
            except (Unresolved, Invalid):
                continue  # it keeps the keys that we know; chains with others do not verify
            # Its name and what it takes part as are what we took up: only we change those.
            if list(statement.keys) != list(entity.keys):
                with self._runtime.database.write() as uow:
                    store.replace_description(
                        uow, entity, entity.organization, entity.entity_types, statement.keys
                    )
                    self._runtime.audit.record(
                        uow,
                        "federation.keys_refreshed",
                        Actor("system", "federation"),
                        details={"entity": entity.entity_id},
                    )

    def entity(self, entity_id: str) -> Entity:
        """Raises NotFound."""
        with self._runtime.database.read() as uow:
            found = store.entity(uow, entity_id)
        return _found(found)

    def entity_by_reference(self, reference: str) -> Entity:
        """Raises NotFound."""
        with self._runtime.database.read() as uow:
            found = store.entity_by_reference(uow, reference)
        return _found(found)

    def entities(self) -> list[Entity]:
        with self._runtime.database.read() as uow:
            return store.entities(uow)

    def history(self, entity: Entity) -> list[store.Act]:
        with self._runtime.database.read() as uow:
            return store.acts(uow, entity.id)

    def _stop(
        self,
        entity_id: str,
        act: str,
        by: str,
        reason: str,
        marks_from: Sequence[str],
        marks_to: str,
    ) -> Entity:
        needs_reason(reason)
        known = self.entity(entity_id)
        level = None if act == "withdraw" else known.level
        with self._runtime.database.write() as uow:
            self._move(uow, known, act, level, reason, by)
            store.set_marks(uow, known.id, marks_from, marks_to)
        return self.entity(entity_id)

    def _move(
        self, uow: UnitOfWork, known: Entity, act: str, level: int | None, reason: str, by: str
    ) -> None:
        states, leads_to = _TRANSITIONS[act]
        if known.state not in states:
            if act == "apply":
                raise _already(known.entity_id)
            raise Conflict(
                N_(
                    "%(entity_id)s is %(state)s: it is too late or too early for this.",
                    entity_id=known.entity_id,
                    state=known.state,
                ),
                next_step="Look at its history.",
            )
        if not store.change(uow, known, leads_to, level, self._runtime.clock.now()):
            raise Conflict(
                N_(
                    "%(entity_id)s was changed by somebody else meanwhile.",
                    entity_id=known.entity_id,
                ),
                next_step="Look at it again.",
            )
        self._record(uow, known.id, known.entity_id, act, level, reason, by)

    def _record(
        self,
        uow: UnitOfWork,
        reference: str,
        entity_id: str,
        act: str,
        level: int | None,
        reason: str,
        by: str,
    ) -> None:
        if len(reason) > _LONGEST_REASON:
            raise Unprocessable(
                N_(
                    "The reason is longer than %(longest_reason)s characters.",
                    longest_reason=_LONGEST_REASON,
                ),
                where="reason",
            )
        store.add_act(uow, reference, act, level, reason, by, self._runtime.clock.now())
        self._runtime.audit.record(
            uow,
            f"federation.{act}",
            # Staff have identifiers of their own; a command line is named by its host.
            Actor("system" if by.startswith("host:") else "staff", by),
            details={"entity": entity_id, "level": level, "reason": reason},
        )

    def _checked(self, entity_id: str) -> EntityStatement:
        try:
            statement = self._resolution.configuration(entity_id)
        except Unresolved as reason:
            raise _unfit(str(reason)) from None
        if self._entity_id == entity_id or self._entity_id not in statement.authority_hints:
            raise _unfit(f"{entity_id} does not name {self._entity_id} in authority_hints.")
        if not _description(statement)[1]:
            raise _unfit(f"{entity_id} is neither an openid_provider nor an openid_relying_party.")
        return statement


def needs_reason(reason: str) -> None:
    """Raises Unprocessable."""
    if not reason.strip():
        raise Unprocessable(
            "This act needs a reason.",
            where="reason",
            next_step="Write why; the entity and the auditors read it.",
        )


def _description(statement: EntityStatement) -> tuple[str, tuple[str, ...]]:
    own: Mapping[str, Any] = statement.metadata.get("federation_entity", {})
    name = own.get("organization_name")
    organization = name if isinstance(name, str) and name.strip() else statement.subject
    types = tuple(t for t in ENTITY_TYPES if t in statement.metadata)
    return organization[:200], types


def _found(entity: Entity | None) -> Entity:
    if entity is None:
        raise NotFound("No entity of that name has applied here.")
    return entity


def _already(entity_id: str) -> Problem:
    return Conflict(
        N_("%(entity_id)s has already applied.", entity_id=entity_id),
        where="entity_id",
        next_step="Find it in the list.",
    )


def _unfit(sentence: str) -> Problem:
    return Unprocessable(
        sentence,
        where="entity_id",
        next_step="Mend the entity configuration of the applicant, then apply again.",
    )
