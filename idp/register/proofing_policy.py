"""Proofing policies as data: levels, sources, evidence, methods — ISO/IEC 29115:2013 §10.1."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from foundation.errors import Unprocessable
from foundation.marking import N_
from foundation.settings import SettingsError
from idp.register.correction_policy import CorrectionPolicy

SECOND_LOOK_PERCENT = 2.0
DATA = Path(__file__).parent / "data" / "policies.toml"


class UnpublishedPolicy(Unprocessable):
    """EN-2: the version is unknown, a draft, or not yet in force."""


@dataclass(frozen=True, slots=True)
class LevelRule:
    """What a policy asks for one level of assurance (1–4)."""

    number: int
    authoritative_sources: int
    corroborating_sources: int
    evidence_confirmed: bool
    contact_exercised: bool
    in_person: bool
    second_officer: bool


@dataclass(frozen=True, slots=True)
class Source:
    id: str
    label: str
    authoritative: bool


@dataclass(frozen=True, slots=True)
class EvidenceType:
    type: str
    label: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Method:
    """How evidence was seen; `present`: the person was there."""

    id: str
    label: str
    present: bool


@dataclass(frozen=True, slots=True)
class ProofingPolicy:
    """One version. `published` None: a draft. `second_look_percent`: of the decisions at the
    desk that are accepted, how many another officer looks at again."""

    version: str
    published: date | None
    retention_years: int
    second_look_percent: float
    levels: Mapping[int, LevelRule]
    sources: Mapping[str, Source]
    evidence: Mapping[str, EvidenceType]
    methods: Mapping[str, Method]

    def in_force(self, today: date) -> bool:
        return self.published is not None and self.published <= today


class ProofingPolicies:
    """All versions, published and drafts."""

    def __init__(
        self, versions: Sequence[ProofingPolicy], corrections: CorrectionPolicy | None = None
    ) -> None:
        self._versions = {policy.version: policy for policy in versions}
        self._corrections = corrections

    @property
    def corrections(self) -> CorrectionPolicy:
        """What may be corrected, by whom: of this file, or as shipped if it says nothing."""
        return self._corrections or shipped().corrections

    @classmethod
    def read(cls, path: Path = DATA) -> ProofingPolicies:
        with path.open("rb") as file:
            read = tomllib.load(file)
        rules = read.get("correction")
        return cls(
            [_policy(table) for table in read["policy"]],
            CorrectionPolicy.read(rules) if rules else None,
        )

    def published(self, version: str, today: date) -> ProofingPolicy:
        """The policy of that version; raises UnpublishedPolicy (EN-2)."""
        policy = self._versions.get(version)
        if policy is None or not policy.in_force(today):
            raise UnpublishedPolicy(
                N_(
                    "There is no published proofing policy with the version %(version)s.",
                    version=repr(version),
                ),
                where="policy_version",
                next_step="Load the page again: it uses the policy that is in force.",
            )
        return policy

    def current(self, today: date) -> ProofingPolicy:
        """The newest version that is in force; raises UnpublishedPolicy when there is none."""
        published = [p for p in self._versions.values() if p.in_force(today)]
        if not published:
            raise UnpublishedPolicy(
                "No rules for identity checks are published, so nobody can be checked.",
                where="policy_version",
                next_step="Publish a proofing policy: give it a `published` day.",
            )
        return max(published, key=lambda p: (p.published or date.min, p.version))


@lru_cache(maxsize=1)
def shipped() -> ProofingPolicies:
    """The policies that come with the program."""
    return ProofingPolicies.read()


def _percent(written: float) -> float:
    if not 0 <= written <= 100:
        raise SettingsError("second_look_percent of a proofing policy lies between 0 and 100.")
    return float(written)


def _policy(table: Mapping[str, Any]) -> ProofingPolicy:
    return ProofingPolicy(
        version=table["version"],
        published=table.get("published"),
        retention_years=table["retention_years"],
        second_look_percent=_percent(table.get("second_look_percent", SECOND_LOOK_PERCENT)),
        levels={row["number"]: LevelRule(**row) for row in table["level"]},
        sources={row["id"]: Source(**row) for row in table["source"]},
        evidence={
            row["type"]: EvidenceType(row["type"], row["label"], tuple(row["sources"]))
            for row in table["evidence"]
        },
        methods={row["id"]: Method(**row) for row in table["method"]},
    )
