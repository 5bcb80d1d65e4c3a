"""The ledger as its owner reads it: who, when, why, in sentences — row P-4, GDPR art. 15."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from foundation.audit import LedgerEntry
from foundation.audit.entry import sealed_digest
from foundation.pages import Translator
from idp.portal.portal import Portal
from idp.portal.sentences import ACTORS, OTHER, REFUSALS, SENTENCES, UNREADABLE

PAGE = 50
# An export is read in pages of this many, until nothing is left.
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Told:
    """One entry in words. `why` and `leaf_index` may be empty or None."""

    event_id: str
    at: datetime
    what: str
    who: str
    why: str
    leaf_index: int | None


class Teller:
    """Turns entries of one person's ledger into sentences of one language."""

    def __init__(self, portal: Portal, person_id: str, translate: Translator) -> None:
        self._portal = portal
        self._person_id = person_id
        self._translate = translate
        self._services = portal.service_names(portal.policies.consent.list(person_id))

    def tell(self, entry: LedgerEntry) -> Told:
        return Told(
            entry.event_id,
            entry.at,
            self._what(entry),
            self._who(entry),
            self._why(entry),
            entry.leaf_index,
        )

    def _what(self, entry: LedgerEntry) -> str:
        if not entry.readable:
            return self._translate(UNREADABLE)
        words = {**self._words(entry.details), "kind": entry.kind}
        return self._translate(SENTENCES.get(entry.kind, OTHER), **words)

    def _words(self, details: Mapping[str, Any]) -> dict[str, Any]:
        service = str(details.get("service_name") or self._service(details.get("service", "")))
        labels = [self._attribute(str(name)) for name in details.get("attributes") or ()]
        return {
            "service": service,
            "attributes": ", ".join(labels) or self._translate("nothing"),
            "level": details.get("level", "?"),
            "device": details.get("device", ""),
            "more": details.get("more", "?"),
            "issuer": details.get("issuer", ""),
            "document": f"“{details.get('document', '')}”",
            "titles": "”, “".join(map(str, details.get("titles") or ())),
        }

    def _attribute(self, name: str) -> str:
        """Its label, some of which are questions, as a part of a sentence."""
        label = self._portal.attribute_label(name, self._translate)
        return f"“{label.partition(' (')[0]}”"

    def _service(self, service: Any) -> str:
        return self._portal.service_name(str(service), self._services) if service else ""

    def _who(self, entry: LedgerEntry) -> str:
        actor = entry.actor
        if actor.kind == "service" and actor.id:
            return self._service(actor.id)
        own = actor.kind == "citizen" and actor.id == self._person_id
        return self._translate(ACTORS.get("self" if own else actor.kind, ACTORS["system"]))

    def _why(self, entry: LedgerEntry) -> str:
        details = entry.details
        if "sentence" in details:  # an officer's look-up
            return self._translate(str(details["sentence"]))
        if entry.kind == "data.refused":
            return self._refusal(str(details.get("reason", "")))
        if details.get("purpose"):
            return self._portal.purpose_sentence(str(details["purpose"]), self._translate)
        reason = details.get("reason")
        return self._translate(reason) if isinstance(reason, str) and reason else ""

    def _refusal(self, code: str) -> str:
        if code in REFUSALS:
            return self._translate(REFUSALS[code])
        if code in self._portal.policies.catalogue.reasons:
            return self._portal.policies.refuse(code).translated(self._translate)[0]
        return code


def whole(portal: Portal, person_id: str) -> list[LedgerEntry]:
    """Every entry, newest first."""
    entries: list[LedgerEntry] = []
    before: str | None = None
    while True:
        more = portal.runtime.audit.ledger(person_id, before, _AT_ONCE)
        entries.extend(more)
        if len(more) < _AT_ONCE:
            return entries
        before = more[-1].event_id


def as_json(entry: LedgerEntry) -> dict[str, Any]:
    """An entry with what proves it: its leaf, its reference, the digest of its sealed part."""
    return {
        "event_id": entry.event_id,
        "kind": entry.kind,
        "at": entry.at.isoformat(timespec="milliseconds"),
        "actor": {"kind": entry.actor.kind, "id": entry.actor.id},
        "details": dict(entry.details),
        "readable": entry.readable,
        "leaf_index": entry.leaf_index,
        "ref": entry.ref,
        "sealed_sha256": sealed_digest(entry.sealed).hex(),
    }
