"""What may be corrected, by whom, from which source: policy as data — GDPR art. 16, 5(1)(d)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from foundation.settings import SettingsError
from idp.register.profile import FIELDS


@dataclass(frozen=True, slots=True)
class CorrectionRule:
    """For some fields of a record. `most_level`: what the level falls to until the person is
    proofed again; 4: it stays. `keep_days`: how long the old value is kept, sealed."""

    fields: tuple[str, ...]
    sources: tuple[str, ...]
    second_officer: bool
    by_citizen: bool = False
    by_register_file: bool = True
    most_level: int = 4
    keep_days: int = 366


class CorrectionPolicy:
    """One rule for each field."""

    def __init__(self, rules: Iterable[CorrectionRule]) -> None:
        self._rules = {name: rule for rule in rules for name in rule.fields}
        if set(self._rules) != set(FIELDS):
            wrong = ", ".join(sorted(set(FIELDS) ^ set(self._rules)))
            raise SettingsError(f"The rules of [[correction]] name each field once; see: {wrong}.")

    @classmethod
    def read(cls, tables: Iterable[Mapping[str, Any]]) -> CorrectionPolicy:
        return cls(
            CorrectionRule(
                **{**row, "fields": tuple(row["fields"]), "sources": tuple(row["sources"])}
            )
            for row in tables
        )

    def needs_second(self, fields: Iterable[str]) -> bool:
        return any(self._rules[name].second_officer for name in fields)

    def not_from(self, fields: Iterable[str], source: str) -> list[str]:
        """Fields for which this source does not count."""
        return [name for name in fields if source not in self._rules[name].sources]

    def not_by_file(self, fields: Iterable[str]) -> list[str]:
        return [name for name in fields if not self._rules[name].by_register_file]

    def sources(self) -> tuple[str, ...]:
        """All that count for any field, in the order of the rules."""
        return tuple(dict.fromkeys(s for rule in self._rules.values() for s in rule.sources))

    def own(self) -> tuple[str, ...]:
        """What the citizen changes by themselves."""
        return tuple(name for name in FIELDS if self._rules[name].by_citizen)

    def most_level(self, fields: Iterable[str]) -> int:
        return min((self._rules[name].most_level for name in fields), default=4)

    def keep_days(self, fields: Iterable[str]) -> int:
        return max((self._rules[name].keep_days for name in fields), default=0)
