"""Cedar in-process: one question, one ground, every field verified — AuthZEN's decision point.

Policies, schema and catalogue are parsed once. Everything about the one question travels in the
context, so no entity can be missing; Cedar *skips* a policy that fails, a forbid included, hence
the schema is always passed and any error in the diagnostics is a refusal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import Any

import cedarpy

from foundation.settings import SettingsError
from policies.catalogue import Catalogue, parents
from policies.question import Decision, Deny, Facts, Ground, Permit, Question
from policies.rule_clock import asks_for_sides_only

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
PERMITS = frozenset({"consent", "basis-on-record", "vital-interest"})


class Engine:
    """The rules of `policies/rules/`, ready to decide. Safe to share between threads."""

    def __init__(self, catalogue: Catalogue, digital_age: int, rules: str | None = None) -> None:
        """`rules` replaces the packaged rules: for tests of what a broken rule does."""
        folder = files("policies") / "rules"
        schema = (folder / "civitas.cedarschema").read_text()
        if rules is None:
            names = sorted(f.name for f in folder.iterdir() if f.name.endswith(".cedar"))
            rules = "\n".join((folder / name).read_text() for name in names)
        self._catalogue = catalogue
        self._digital_age = digital_age
        self._schema, self._policies, named, self.asks_for_sides_only = _read(schema, rules)
        self._entities = cedarpy.Entities.from_json_str(
            json.dumps(_entities(catalogue)), self._schema
        )
        self._named_once(named)
        self.digest = hashlib.sha256(
            "\0".join((schema, rules, catalogue.digest, str(digital_age))).encode()
        ).hexdigest()

    def decide(self, question: Question, facts: Facts, ground: Ground | None) -> Decision:
        """The answer to the whole question: each claim is decided, and all must be permitted."""
        known = self._catalogue
        if not question.attributes or any(a not in known.attributes for a in question.attributes):
            return self.deny("unknown-claim")
        if question.purpose not in known.purposes:
            return self.deny("unknown-purpose")
        if ground is not None and ground.purpose not in known.purposes:
            return self.deny("other-purpose")  # a purpose that the catalogue no longer has
        context = self._context(question, facts, ground)
        requests = [
            {
                "principal": {"type": "Service", "id": question.service},
                "action": {"type": "Action", "id": question.kind},
                "resource": {"type": "Claim", "id": attribute},
                "context": context,
            }
            for attribute in question.attributes
        ]
        results = cedarpy.is_authorized_batch(
            requests, self._policies, self._entities, self._schema
        )
        fired: set[str] = set()
        permitted = 0
        for result in results:
            if result.diagnostics.errors:
                fired.add("not-decided")
            names = set(result.diagnostics.id_annotations_by_reason.values())
            if result.allowed and names and names <= PERMITS and not result.diagnostics.errors:
                permitted += 1
            else:
                fired |= names - PERMITS or {"not-decided"}
        if permitted == len(requests) == len(results) and ground is not None:
            return Permit(ground, self._obligations(question), self.digest)
        reasons = self._catalogue.reasons
        return self.deny(min(fired, key=lambda code: reasons[code].rank), ground)

    def deny(self, code: str, ground: Ground | None = None) -> Deny:
        """A refusal with its reason and next step from the table of reasons."""
        row = self._catalogue.reasons[code]
        values = {"withdrawn": "", "ended": "", "begins": ""}
        if ground is not None:
            values = {
                "withdrawn": _day(ground.withdrawn_at),
                "ended": _day(ground.not_after),
                "begins": _day(ground.not_before),
            }
        return Deny(
            code, row.reason.format(**values), row.next_step, self.digest, values, row.reason
        )

    def _context(self, question: Question, facts: Facts, ground: Ground | None) -> dict[str, Any]:
        context: dict[str, Any] = {
            "person": _uid("Person", question.person),
            "purpose": _uid("Purpose", question.purpose),
            "at": _microseconds(question.at),
            "level": facts.level,
            "digitalAge": self._digital_age,
            "alive": facts.alive,
            "active": facts.active,
        }
        if facts.age is not None:
            context["age"] = facts.age
        if question.case is not None:
            context["caseReference"] = question.case
        if ground is not None:
            context["ground"] = _ground(ground)
        return context

    def _obligations(self, question: Question) -> tuple[str, ...]:
        days = self._catalogue.purposes[question.purpose].retention_days
        also = ("tell-the-person",) if question.case else ()
        return (f"keep-at-most:P{days}D", f"only-for:{question.purpose}", *also)

    def _named_once(self, rules: Sequence[tuple[str | None, str]]) -> None:
        """Every forbid has a reason in the table; every permit is a kind of ground."""
        named: set[str] = set()
        for name, effect in rules:
            if name is None or name in named:
                raise SettingsError("policies/rules: give every rule an @id of its own.")
            named.add(name)
            if effect == "permit" and name not in PERMITS:
                raise SettingsError(f"policies/rules: @id({name!r}) is no kind of ground.")
            if effect == "forbid" and name not in self._catalogue.reasons:
                raise SettingsError(f"reasons.toml: the rule {name!r} has no row; write one.")


@lru_cache(maxsize=4)
def _read(schema: str, rules: str) -> tuple[Any, Any, tuple[tuple[str | None, str], ...], bool]:
    """Schema and rules, ready to be asked; each rule's @id beside its effect; whether all that they
    ask of the clock is on which side of a ground's instants it stands."""
    parsed = cedarpy.Schema.from_str(schema)
    checked = cedarpy.validate_policies(rules, parsed)
    if not checked.validation_passed:
        raise SettingsError(f"policies/rules: {checked.errors[0]}; mend the rule.")
    static = json.loads(cedarpy.policies_to_json_str(rules))["staticPolicies"].values()
    named = tuple([((p.get("annotations") or {}).get("id"), str(p["effect"])) for p in static])
    sides_only = asks_for_sides_only([p["conditions"] for p in static])
    return parsed, cedarpy.PolicySet.from_str(rules), named, sides_only


def _entities(catalogue: Catalogue) -> list[Mapping[str, Any]]:
    purposes = [_entity("Purpose", i, parents(i)) for i in catalogue.purposes]
    classes = [_entity("DataClass", i, parents(i)) for i in catalogue.classes]
    claims = []
    for name, attribute in catalogue.attributes.items():
        kind = catalogue.classes[attribute.data_class]
        uses = [p.id for p in catalogue.purposes.values() if name in p.attributes]
        claim = _entity(
            "Claim",
            name,
            (),
            attrs={
                "special": kind.special,
                "vital": kind.vital,
                "answerable": attribute.answerable,
                "minimumLevel": kind.minimum_level,
                "purposes": [_uid("Purpose", p) for p in uses],
            },
        )
        claims.append({**claim, "parents": [{"type": "DataClass", "id": kind.id}]})
    return [*purposes, *classes, *claims]


def _entity(
    kind: str, name: str, above: tuple[str, ...], attrs: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "uid": {"type": kind, "id": name},
        "attrs": dict(attrs or {}),
        "parents": [{"type": kind, "id": a} for a in above],
    }


def _ground(ground: Ground) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "kind": ground.kind,
        "state": ground.state,
        "service": _uid("Service", ground.service),
        "purpose": _uid("Purpose", ground.purpose),
        "claims": [_uid("Claim", a) for a in sorted(ground.attributes)],
        "classes": [_uid("DataClass", c) for c in sorted(ground.classes)],
        "notBefore": _microseconds(ground.not_before),
        "notAfter": _microseconds(ground.not_after),
        "explicit": ground.explicit,
        "authority": ground.authority,
    }
    if ground.person is not None:
        fields["person"] = _uid("Person", ground.person)
    if ground.giver is not None:
        fields["giver"] = ground.giver
    if ground.uses_left is not None:
        fields["usesLeft"] = ground.uses_left
    return fields


def _uid(kind: str, name: str) -> dict[str, dict[str, str]]:
    return {"__entity": {"type": kind, "id": name}}


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _day(instant: datetime | None) -> str:
    return "" if instant is None else instant.date().isoformat()
