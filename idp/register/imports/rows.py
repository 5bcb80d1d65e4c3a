"""Rows of a civil-register file: each is a profile, or a refusal with a reason; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from foundation.errors import Unprocessable
from idp.register.profile import FIELDS, NAMES, REQUIRED, Profile


class FileRefused(Unprocessable):
    """The file as a whole cannot be read; nothing of it was imported."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What was done otherwise than the file says: a field that was left out of a person who was
    enrolled, or how the file was read (then `line` is 1). Holds no value of the row."""

    line: int
    field: str
    reason: str
    what_to_do: str


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row that may be enrolled. `line`: its line in a CSV file, its place in a JSON one."""

    line: int
    profile: Profile
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that may not, and what to do about it. Holds no value of the row."""

    line: int
    field: str
    reason: str
    what_to_do: str


Row = ReadRow | RefusedRow
RawRow = tuple[int, Mapping[str, Any] | RefusedRow]


def check_fields(names: Iterable[str]) -> tuple[str, str, str] | None:
    """What is wrong with the columns or members: (field, reason, what to do), or None."""
    given = list(names)
    for name in given:
        if name not in FIELDS:
            return (
                name[:64],
                "is not a field of a person",
                f"Use only these: {', '.join(FIELDS)}.",
            )
        if given.count(name) > 1:
            return name, "stands twice", "Remove one of the two."
    for name in REQUIRED:
        if name not in given:
            return name, "is missing", "Add it from the civil register."
    if not set(NAMES) & set(given):
        return NAMES[0], "is missing", "Add it from the civil register."
    return None
