"""What a file declares becomes what is registered: all of it, or nothing — RFC 7591, RFC 7592 §2.

The same file twice changes nothing the second time. A service that no file made is changed where a
file names it, and never removed by one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.exc import IntegrityError

from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import Conflict
from idp.oauth import Alteration, Client, InvalidClientMetadata, PreparedClient
from idp.register import checked_reason
from idp.supervision.declared import Declarations, Declared, FaultyFile, Misstep
from idp.supervision.parts import Parts

_SET = "declared_in"
_BECAUSE = "the registration of the service changed"
_SAME = {"scopes": "scope", "purpose": "purposes"}
_WORDS = ("scope", "purposes", "redirect_uris", "grant_types", "response_types", "audiences")
_MADE_BY_US = "svc_"


@dataclass(frozen=True, slots=True)
class Changed:
    """One member; None where it is not said."""

    member: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one service. `ends`: people sign in anew; `forgets`: it knows nobody again
    (its sector is another one). `secret`: of a service that has just got its first."""

    act: Literal["add", "change", "remove"]
    id: str
    name: str
    changes: tuple[Changed, ...] = ()
    ends: bool = False
    forgets: bool = False
    client: Client | None = None
    secret: str | None = field(default=None, repr=False)
    declared: Declared | None = None

    @property
    def cannot_be_undone(self) -> bool:
        return self.forgets or self.act == "remove"


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a file changes. `left`: services that a file of this set made, and that stand in it
    no more: they stay without `prune`."""

    steps: tuple[Step, ...]
    unchanged: tuple[str, ...]
    left: tuple[str, ...]

    @property
    def cannot_be_undone(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.cannot_be_undone)


class Applying:
    """Compares, and makes it so in one unit of work."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._database = parts.runtime.database

    def plan(self, file: Declarations, *, prune: bool) -> Plan:
        """What would change. Raises FaultyFile with every fault."""
        with self._database.read() as uow:
            return self._planned(uow, file, prune)[0]

    def apply(
        self, file: Declarations, reason: str, by: Actor, *, prune: bool, agreed: bool
    ) -> Plan:
        """Make it so. `agreed`: they know what cannot be undone. Raises FaultyFile, Conflict."""
        reason, now = checked_reason(reason), self._parts.runtime.clock.now()
        try:
            with self._database.write() as uow:
                plan, prepared, altered = self._planned(uow, file, prune)
                if plan.cannot_be_undone and not agreed:
                    raise Conflict("It does something that cannot be undone; say that you mean it.")
                done = [
                    self._do(uow, step, prepared, altered, reason, by, now) for step in plan.steps
                ]
        except IntegrityError:
            raise Conflict(
                "Somebody registered a service of that client_id at the same time.",
                next_step="Nothing was changed; run it again.",
            ) from None
        return Plan(tuple(done), plan.unchanged, plan.left)

    def export(self, only: str | None = None) -> dict[str, Mapping[str, Any]]:
        """What is registered, as a file would say it; `only`: of one set."""
        with self._database.read() as uow:
            known = self._parts.require_tokens().clients.registrations(uow)
        return {
            client_id: {name: said for name, said in written.items() if name != _SET}
            for client_id, (state, written) in known.items()
            if state != "removed" and only in (None, written.get(_SET))
        }

    # ── comparing ─────────────────────────────────────────────────────────────────────

    def _planned(
        self, uow: UnitOfWork, file: Declarations, prune: bool
    ) -> tuple[Plan, Mapping[str, PreparedClient], Mapping[str, Alteration]]:
        clients = self._parts.require_tokens().clients
        known = clients.registrations(uow)
        faults: list[Misstep] = []
        steps: list[Step] = []
        unchanged: list[str] = []
        prepared: dict[str, PreparedClient] = {}
        altered: dict[str, Alteration] = {}
        for one in file.clients:
            state, before = known.get(one.id, (None, {}))
            try:
                _check(file, one, state, before)
                if state is None:
                    made = clients.prepare({**one.metadata, _SET: file.set}, one.id)
                    prepared[one.id] = made
                    changes = _compared({}, made.metadata)
                    step = Step("add", one.id, made.client.name, changes, declared=one)
                else:
                    after = {**dict.fromkeys(before), **one.metadata, _SET: before.get(_SET)}
                    change = altered[one.id] = clients.altered(uow, one.id, after, locked=True)
                    step = _step(one, change, before)
                    if not step.changes:
                        unchanged.append(one.id)
                        continue
                steps.append(step)
            except InvalidClientMetadata as error:
                faults.append(file.fault(one.id, error))
        if faults:
            raise FaultyFile(faults)
        named = {one.id for one in file.clients}
        left = [
            client_id
            for client_id, (state, said) in known.items()
            if state != "removed" and said.get(_SET) == file.set and client_id not in named
        ]
        if prune:
            names = {client_id: str(known[client_id][1]["client_name"]) for client_id in left}
            steps += [Step("remove", gone, names[gone], ends=True) for gone in left]
            left = []
        return Plan(tuple(steps), tuple(unchanged), tuple(left)), prepared, altered

    # ── doing ─────────────────────────────────────────────────────────────────────────

    def _do(
        self,
        uow: UnitOfWork,
        step: Step,
        prepared: Mapping[str, PreparedClient],
        altered: Mapping[str, Alteration],
        reason: str,
        by: Actor,
        now: datetime,
    ) -> Step:
        tokens = self._parts.require_tokens()
        if step.act == "add":
            made = prepared[step.id]
            tokens.clients.insert(uow, made, now, by, reason=reason)
            return _done(step, made.client, made.secret)
        if step.act == "remove":
            tokens.clients.remove(uow, step.id, reason, by, now)
            tokens.stopping.of_redirect(uow, step.id)
            tokens.stopping.of_client(uow, step.id, "the service was removed", now)
            return step
        change = altered[step.id]
        secret = tokens.clients.change(uow, change, reason, by, now)
        if change.ends_what_it_was_given:
            tokens.stopping.of_client(uow, step.id, _BECAUSE, now)
        if change.ends_codes:
            tokens.stopping.of_redirect(uow, step.id)
        return _done(step, change.after, secret)


def _done(step: Step, client: Client, secret: str | None) -> Step:
    return Step(
        step.act, step.id, step.name, step.changes, step.ends, step.forgets, client, secret,
        step.declared,
    )  # fmt: skip


def _check(file: Declarations, one: Declared, state: str | None, said: Mapping[str, Any]) -> None:
    if state is None and one.id.startswith(_MADE_BY_US):
        raise InvalidClientMetadata(
            "is not registered, and svc_… is a name that we make: choose another", where=""
        )
    if state == "removed":
        raise InvalidClientMetadata(
            "was removed for good, and nobody gets its client_id again: choose another", where=""
        )
    if said.get("test_only"):
        raise InvalidClientMetadata("is a developer's test: approve it first", where="")
    owner = said.get(_SET)
    if owner not in (None, file.set):
        raise InvalidClientMetadata(f"is declared by another file, of the set {owner!r}", where="")


def _step(one: Declared, change: Alteration, before: Mapping[str, Any]) -> Step:
    changes = _compared(before, change.metadata)
    return Step(
        "change",
        one.id,
        change.after.name,
        changes,
        ends=change.ends_what_it_was_given,
        forgets=change.subjects_change,
        declared=one,
    )


def _compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Changed, ...]:
    old, new = _plain(before), _plain(after)
    return tuple(
        Changed(member, old.get(member), new.get(member))
        for member in sorted(old.keys() | new.keys())
        if _key(member, old.get(member)) != _key(member, new.get(member))
    )


def _plain(said: Mapping[str, Any]) -> dict[str, Any]:
    """One name for each member; what is not said is not there."""
    return {
        _SAME.get(name, name): value
        for name, value in said.items()
        if value is not None and value != [] and name != _SET
    }


def _key(member: str, value: Any) -> str:
    """What two ways to write the same have in common."""
    if member in _WORDS and value is not None:
        listed = value.split() if isinstance(value, str) else list(value)
        # The first redirect URI, and the only purpose, mean something: their order does.
        return json.dumps(sorted(listed) if member == "scope" else listed)
    return json.dumps(value, sort_keys=True)
