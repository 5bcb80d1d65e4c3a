"""What is held of a person, by which source, and which services learned it — GDPR art. 15, 19.

It is read from the ledger, which keeps that something was corrected longer than the old values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from foundation.audit import LedgerEntry

_ADDRESS = ("street_address", "postal_code", "locality", "region", "country")
# Claims whose fields have other names — OpenID Connect Core §5.1.
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "name": ("given_name", "family_name"),
    "address": _ADDRESS,
    "age_over_18": ("birthdate",),
    "resident_of_city": ("locality", "country", "municipality_code"),
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a field comes from: ids of sources, and since when."""

    sources: tuple[str, ...]
    since: datetime


@dataclass(frozen=True, slots=True)
class Learned:
    """What a service was told last of one claim; `old`: before it was corrected."""

    service: str
    attribute: str
    at: datetime
    old: bool


def origins(entries: Sequence[LedgerEntry]) -> tuple[Origin | None, Mapping[str, Origin]]:
    """Of the record as it was enrolled, and of each field that was corrected since; `entries`:
    the newest first."""
    enrolled: Origin | None = None
    fields: dict[str, Origin] = {}
    for entry in entries:
        if entry.kind == "register.enrol":
            enrolled = Origin(tuple(map(str, entry.details.get("sources") or ())), entry.at)
        elif entry.kind == "register.adjust":
            for name in entry.details.get("changed") or ():
                origin = Origin((str(entry.details.get("source", "")),), entry.at)
                fields.setdefault(str(name), origin)
    return enrolled, fields


def learned(entries: Sequence[LedgerEntry]) -> list[Learned]:
    """What each service was told last, by service and claim; `entries`: the newest first."""
    _, corrected = origins(entries)
    found: dict[tuple[str, str], Learned] = {}
    for entry in entries:
        if entry.kind not in ("data.released", "data.verified"):
            continue
        service = str(entry.details.get("service") or entry.actor.id)
        for name in map(str, entry.details.get("attributes") or ()):
            changed = [corrected[f].since for f in _FIELDS.get(name, (name,)) if f in corrected]
            old = any(entry.at < since for since in changed)
            found.setdefault((service, name), Learned(service, name, entry.at, old))
    return [found[key] for key in sorted(found)]
