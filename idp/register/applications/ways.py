"""Which ways lead from an application to an identity, how far, and what to bring: reckoned from the
proofing policy in force — ISO/IEC 29115:2013 §10.1, EN-4 to EN-7. Pure, but for one file."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from idp.register.evidence import Evidence, Findings, assess
from idp.register.proofing_policy import LevelRule, ProofingPolicy

DATA = Path(__file__).parent / "data" / "ways.toml"


@dataclass(frozen=True, slots=True)
class Way:
    """One row of the file."""

    id: str
    label: str
    sentence: str
    methods: tuple[str, ...]
    holds: bool
    contact: bool


@dataclass(frozen=True, slots=True)
class Bring:
    """What one level asks for: so many documents, each of another office, of these; and so many
    more that count beside them. Labels are message ids, each with the offices that issue it."""

    level: int
    authoritative: int
    documents: tuple[tuple[str, tuple[str, ...]], ...]
    others: int
    beside: tuple[tuple[str, tuple[str, ...]], ...]
    contact: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """A way as a person reads it: the levels that it reaches, lowest first, and what to bring for
    each; nothing for a way on which nobody looks at papers."""

    way: Way
    levels: tuple[int, ...]
    bring: tuple[Bring, ...]

    @property
    def most(self) -> int:
        return self.levels[-1]


@lru_cache(maxsize=1)
def known() -> Mapping[str, Way]:
    with DATA.open("rb") as file:
        rows = tomllib.load(file)["way"]
    return {row["id"]: Way(**{**row, "methods": tuple(row["methods"])}) for row in rows}


def offers(policy: ProofingPolicy, offered: Collection[str]) -> tuple[Offer, ...]:
    """What this deployment offers, as far as the policy lets it lead anywhere."""
    found = (_offer(policy, way) for way in known().values() if way.id in offered)
    return tuple(offer for offer in found if offer.levels)


def _offer(policy: ProofingPolicy, way: Way) -> Offer:
    levels = tuple(sorted(n for n in policy.levels if _reaches(policy, way, n)))
    bring = tuple(_bring(policy, policy.levels[n]) for n in levels if n > 1) if way.holds else ()
    return Offer(way, levels, bring)


def _reaches(policy: ProofingPolicy, way: Way, level: int) -> bool:
    """Whether the policy accepts the best that can be found this way: every piece of evidence that
    it knows, as far as the way can confirm it."""
    evidence = tuple(
        Evidence(kind.type, source, method, possessed=way.holds, valid=True)
        for kind in policy.evidence.values()
        for source in kind.sources
        for method in way.methods
        if method in policy.methods and (way.holds or source != "self")
    )
    best = assess(policy, Findings(level, evidence, contact_exercised=way.contact))
    return best.result != "refused"


def _bring(policy: ProofingPolicy, rule: LevelRule) -> Bring:
    """A document that only the person vouches for counts for nothing here."""
    documents = _of(policy, authoritative=True) if rule.authoritative_sources else ()
    beside = _of(policy, authoritative=None) if rule.corroborating_sources else ()
    return Bring(
        rule.number,
        rule.authoritative_sources,
        documents,
        rule.corroborating_sources,
        beside,
        rule.contact_exercised,
    )


def _of(
    policy: ProofingPolicy, authoritative: bool | None
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found = []
    for kind in policy.evidence.values():
        sources = [
            policy.sources[s]
            for s in kind.sources
            if s != "self" and (authoritative is None or policy.sources[s].authoritative)
        ]
        if sources:
            found.append((kind.label, tuple(source.label for source in sources)))
    return tuple(found)
