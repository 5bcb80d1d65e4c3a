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


Papers = tuple[tuple[str, tuple[str, ...]], ...]
"""Documents, each with the offices that issue it; message ids."""


@dataclass(frozen=True, slots=True)
class Asks:
    """What one level asks for: so many documents that prove, each of another office; so many more
    that back them up; whether an address has to answer."""

    level: int
    proving: int
    more: int
    contact: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """A way as a person reads it: the levels that it reaches, lowest first, and what to bring;
    nothing for a way on which nobody looks at papers. `proving`: documents of an authoritative
    source; `backing`: others, which count beside them."""

    way: Way
    levels: tuple[int, ...]
    asks: tuple[Asks, ...]
    proving: Papers
    backing: Papers

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
    if not way.holds:
        return Offer(way, levels, (), (), ())
    asks = tuple(_asks(policy.levels[number]) for number in levels)
    return Offer(
        way,
        levels,
        tuple(one for one in asks if one.proving or one.more),
        _papers(policy, authoritative=True),
        _papers(policy, authoritative=False),
    )


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


def _asks(rule: LevelRule) -> Asks:
    return Asks(
        rule.number, rule.authoritative_sources, rule.corroborating_sources, rule.contact_exercised
    )


def _papers(policy: ProofingPolicy, *, authoritative: bool) -> Papers:
    """A document that only the person vouches for counts for nothing here."""
    found = []
    for kind in policy.evidence.values():
        sources = [policy.sources[name] for name in kind.sources if name != "self"]
        labels = tuple(one.label for one in sources if one.authoritative is authoritative)
        if labels:
            found.append((kind.label, labels))
    return tuple(found)
