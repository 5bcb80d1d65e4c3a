"""A row of a data table: strict reading, with errors that name file, row and key."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from foundation.settings import SettingsError

_MISSING: Any = object()


class Row:
    """One entry of a table."""

    def __init__(self, file: str, kind: str, number: int, values: Mapping[str, Any]) -> None:
        self._file = file
        self._kind = kind
        self._values = values
        self._name = str(values.get("id") or values.get("name") or f"number {number}")

    def refuse(self, key: str, problem: str) -> SettingsError:
        return SettingsError(f"{self._file}: {self._kind} {self._name!r}, {key}: {problem}.")

    def text(self, key: str, default: str = _MISSING) -> str:
        value = self._value(key, default)
        if not isinstance(value, str) or (default is _MISSING and not value.strip()):
            raise self.refuse(key, "write a text that is not empty")
        return value

    def texts(
        self,
        key: str,
        default: tuple[str, ...] = _MISSING,
        within: Collection[str] | None = None,
    ) -> tuple[str, ...]:
        value = self._value(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            raise self.refuse(key, "write a list of texts")
        for item in value:
            if within is not None and item not in within:
                raise self.refuse(key, f"{item!r} is none of {', '.join(sorted(within))}")
        if len(set(value)) != len(value):
            raise self.refuse(key, "an entry stands twice")
        return tuple(value)

    def numbers(self, key: str) -> tuple[int, ...]:
        value = self._value(key, _MISSING)
        if not isinstance(value, list) or not all(type(v) is int for v in value):
            raise self.refuse(key, "write a list of whole numbers")
        return tuple(value)

    def integer(self, key: str, least: int, most: int, default: int = _MISSING) -> int:
        value = self._value(key, default)
        if type(value) is not int or not least <= value <= most:
            raise self.refuse(key, f"write a whole number from {least} to {most}")
        return value

    def flag(self, key: str, default: bool = _MISSING) -> bool:
        value = self._value(key, default)
        if not isinstance(value, bool):
            raise self.refuse(key, "write true or false")
        return value

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        value = self.text(key)
        if value not in choices:
            raise self.refuse(key, f"{value!r} is none of {', '.join(choices)}")
        return value

    def instant(self, key: str) -> datetime:
        value = self._value(key, _MISSING)
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise self.refuse(key, "write an instant with its zone, such as 2026-01-01T00:00:00Z")
        return value.astimezone(UTC)

    def rows(self, key: str) -> list[Row]:
        """Its own table of that name; empty where it has none."""
        value = self._value(key, [])
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
            raise self.refuse(key, f"write [[{self._kind}.{key}]]")
        return [
            Row(self._file, f"{self._kind} {self._name!r}, {key}", i, values)
            for i, values in enumerate(value, start=1)
        ]

    def _value(self, key: str, default: Any) -> Any:
        if key in self._values:
            return self._values[key]
        if default is _MISSING:
            raise self.refuse(key, "is missing")
        return default
