"""Rows of a civil-register file: each is a profile, or a refusal with a reason; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from foundation.errors import Unprocessable
from idp.register.profile import FIELDS, NAMES, REQUIRED, Profile

# The column in which a file of refused rows says what to mend; not read when it comes back.
REASONS = "reasons"
# The day of a death: no field of a profile, since nobody dead has one that is used.
DIED = "date_of_death"


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
class Fault:
    """One thing that is wrong with a row, and what to do about it."""

    field: str
    reason: str
    what_to_do: str


@dataclass(frozen=True, slots=True)
class Raw:
    """A row before it is checked: its values by the names of fields, or why there are none.

    `written`: as it stood in the file, the cells of a line or the members of an object.
    """

    line: int
    values: Mapping[str, Any] | tuple[Fault, ...]
    written: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row that may be enrolled. `line`: its line in a CSV file, its place in a JSON one."""

    line: int
    profile: Profile
    remarks: tuple[Remark, ...] = ()
    written: Any = field(default=None, repr=False)
    given: frozenset[str] = frozenset()
    """Fields that the file has, without those that were left out."""
    died: date | None = None


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that may not, with all that is wrong with it. Tells no value of the row."""

    line: int
    faults: tuple[Fault, ...]
    written: Any = field(default=None, repr=False)

    @property
    def field(self) -> str:
        return self.faults[0].field

    @property
    def reason(self) -> str:
        return self.faults[0].reason

    @property
    def what_to_do(self) -> str:
        return self.faults[0].what_to_do


Row = ReadRow | RefusedRow


def check_fields(names: Iterable[str]) -> tuple[Fault, ...]:
    """What is wrong with the columns or members; REASONS, of a file of refused rows, may stand."""
    given = [name for name in names if name != REASONS]
    faults = {}
    for name in given:
        if name not in (*FIELDS, DIED):
            faults[name] = Fault(
                name[:64],
                "is not a field of a person",
                f"Use only these: {', '.join((*FIELDS, DIED))}.",
            )
        elif given.count(name) > 1:
            faults[name] = Fault(name, "stands twice", "Remove one of the two.")
    missing = [name for name in REQUIRED if name not in given]
    if not set(NAMES) & set(given):
        missing.append(NAMES[0])
    lacking = (Fault(name, "is missing", "Add it from the civil register.") for name in missing)
    return (*faults.values(), *lacking)
