"""Whether evidence reaches a level under a policy: pure — ISO/IEC 29115:2013 §10.1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from idp.register.proofing_policy import LevelRule, ProofingPolicy

Result = Literal["accepted", "refused", "awaiting-second-officer"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece: its type, the source that vouches for it, and how it was seen.

    `reference`: number of the document, personal data, stored sealed. `possessed`: the person
    holds it. `valid`: genuine and unexpired, as confirmed with the source.
    """

    type: str
    source: str
    method: str
    reference: str = ""
    possessed: bool = False
    valid: bool = False


@dataclass(frozen=True, slots=True)
class Findings:
    """What an officer found, and the level that they propose."""

    level: int
    evidence: tuple[Evidence, ...]
    contact_exercised: bool = False


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the policy says to findings; `missing` are sentences, empty unless refused."""

    result: Result
    missing: tuple[str, ...] = ()


def was_present(policy: ProofingPolicy, findings: Findings) -> bool:
    """Whether the person was there for any of it (EN-7)."""
    methods = (policy.methods.get(piece.method) for piece in findings.evidence)
    return any(method is not None and method.present for method in methods)


def decidable_alone(policy: ProofingPolicy, level: int) -> bool:
    """Whether one officer may decide on this level."""
    rule = policy.levels.get(level)
    return rule is None or not rule.second_officer


def assess(policy: ProofingPolicy, findings: Findings) -> Assessment:
    """Apply the policy's rule for the proposed level."""
    rule = policy.levels.get(findings.level)
    if rule is None:
        return Assessment("refused", (f"The policy knows no level {findings.level}.",))
    missing = tuple(_unknown_words(policy, findings.evidence)) or tuple(
        _missing(policy, rule, findings)
    )
    if missing:
        return Assessment("refused", missing)
    return Assessment("awaiting-second-officer" if rule.second_officer else "accepted")


def _unknown_words(policy: ProofingPolicy, evidence: Sequence[Evidence]) -> Iterable[str]:
    if not evidence:
        yield "No evidence is named."
    for piece in evidence:
        kind = policy.evidence.get(piece.type)
        if kind is None:
            yield f"The policy knows no evidence of the type {piece.type}."
        elif piece.source not in kind.sources:
            yield f"By the policy, {piece.source} does not vouch for a {piece.type}."
        if piece.method not in policy.methods:
            yield f"The policy knows no method {piece.method}."


def _missing(policy: ProofingPolicy, rule: LevelRule, findings: Findings) -> Iterable[str]:
    confirmed = [e for e in findings.evidence if e.possessed and e.valid]
    if rule.evidence_confirmed and len(confirmed) < len(findings.evidence):
        yield "Possession and validity of each piece of evidence must be confirmed."
    counted = confirmed if rule.evidence_confirmed else findings.evidence
    sources = {e.source for e in counted}
    authoritative = {s for s in sources if policy.sources[s].authoritative}
    if len(authoritative) < rule.authoritative_sources:
        yield (
            f"The policy asks for {rule.authoritative_sources} authoritative sources; "
            f"{len(authoritative)} are confirmed."
        )
    # A second source corroborates; what already counted as authoritative is not counted twice.
    others = len(sources - {"self"}) - rule.authoritative_sources
    if others < rule.corroborating_sources:
        yield f"The policy asks for {rule.corroborating_sources} more sources that corroborate."
    if rule.contact_exercised and not findings.contact_exercised:
        yield "The person must have answered at an address, number or e-mail on record."
    if rule.in_person and not any(policy.methods[e.method].present for e in counted):
        yield "The person must be present: a remote session never reaches this level."
