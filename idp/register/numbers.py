"""The resident's number, and the Virtual ID that its owner shows in its place — row Aadhaar.

Both are random digits with a check digit, and say nothing of the person. They are found by a blind
index and shown from what is sealed for their owner. No row is ever deleted: an old number, or an
old Virtual ID, is nobody's for ever, also once the person is forgotten.
"""

from __future__ import annotations

import secrets
import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import insert, select, update

from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.runtime import Runtime
from foundation.settings import SettingsError
from idp.register.settings import RegisterSettings
from idp.register.tables import resident_numbers
from idp.register.verhoeff import is_valid, with_check_digit

Kind = Literal["number", "virtual"]
_INDEX = "resident-number"
_SEALED = "resident number"
_BUCKET, _A_DAY, _DAY = "virtual-ids", 10, timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Format:
    """A row of `numbers.toml`."""

    id: str
    digits: int
    first: str
    group: int

    def new(self) -> str:
        """A number that nobody chose."""
        middle = "".join(str(secrets.randbelow(10)) for _ in range(self.digits - 2))
        return with_check_digit(secrets.choice(self.first) + middle)

    def holds(self, written: str) -> bool:
        """Whether digits have this form, and their check digit is right."""
        return len(written) == self.digits and written[0] in self.first and is_valid(written)

    def shown(self, digits: str) -> str:
        """In groups, from the left."""
        parts = (digits[at : at + self.group] for at in range(0, len(digits), self.group))
        return " ".join(parts)


@cache
def formats() -> dict[str, Format]:
    told = tomllib.loads(Path(__file__).with_name("numbers.toml").read_text(encoding="utf-8"))
    return {row["id"]: Format(**row) for row in told["format"]}


def bare(written: str) -> str:
    """What was typed, without the gaps that people leave."""
    return "".join(written[:40].split()).replace("-", "")


class Numbers:
    """Allots numbers and Virtual IDs, finds whose one is, and ends them."""

    def __init__(self, runtime: Runtime) -> None:
        """Raises SettingsError for a format that is none."""
        chosen = runtime.settings.of(RegisterSettings).number_format
        if chosen and chosen not in formats():
            known = ", ".join(one for one in formats() if one != "virtual")
            raise SettingsError(f"[register] number_format: {chosen!r} is none of {known}.")
        self._vault = runtime.vault
        self._audit = runtime.audit
        self._rates = runtime.rates
        self._own = formats()[chosen] if chosen else None
        self._virtual = formats()["virtual"]

    @property
    def used(self) -> bool:
        """Whether residents have numbers here."""
        return self._own is not None

    def allot(self, uow: UnitOfWork, person_id: str, now: datetime) -> None:
        """A number for who has none yet; in the unit of work of the activation."""
        if self._own is None or self._active(uow, person_id, "number") is not None:
            return
        self._add(uow, person_id, "number", self._own, now)
        self._record(uow, person_id, "number.allotted")

    def make_virtual(self, uow: UnitOfWork, person_id: str, now: datetime) -> str:
        """A new Virtual ID, by its owner alone; the one before ends at once.

        Returns it as it is shown. Raises TooManyRequests.
        """
        self._rates.attempt(uow, _BUCKET, person_id, _A_DAY, _DAY, now)
        self._end(uow, person_id, "virtual", now)
        digits = self._add(uow, person_id, "virtual", self._virtual, now)
        self._record(uow, person_id, "number.virtual_made")
        return self._virtual.shown(digits)

    def end_virtual(self, uow: UnitOfWork, person_id: str, now: datetime) -> bool:
        """Its owner wants none any more."""
        ended = self._end(uow, person_id, "virtual", now)
        if ended:
            self._record(uow, person_id, "number.virtual_ended")
        return ended

    def shown(self, uow: UnitOfWork, person_id: str) -> dict[Kind, str]:
        """What its owner sees; raises Erased."""
        found: dict[Kind, str] = {}
        kinds: dict[Kind, Format | None] = {"number": self._own, "virtual": self._virtual}
        for kind, form in kinds.items():
            row = self._active(uow, person_id, kind)
            if row is not None and form is not None:
                opened = self._vault.open(person_id, row.sealed, _SEALED).decode()
                found[kind] = form.shown(opened)
        return found

    def person_of(self, uow: UnitOfWork, written: str) -> str | None:
        """Whose number or Virtual ID this is; None for everything else."""
        digits = bare(written)
        forms = (self._own, self._virtual)
        if not digits.isascii() or not any(form and form.holds(digits) for form in forms):
            return None
        row = uow.one(
            select(resident_numbers).where(
                resident_numbers.c.value == self._vault.index(_INDEX, digits),
                resident_numbers.c.state == "active",
            )
        )
        return None if row is None else str(row.person_id)

    def _active(self, uow: UnitOfWork, person_id: str, kind: Kind) -> Any:
        return uow.one(
            select(resident_numbers).where(
                resident_numbers.c.person_id == person_id,
                resident_numbers.c.kind == kind,
                resident_numbers.c.state == "active",
            )
        )

    def _add(self, uow: UnitOfWork, person_id: str, kind: Kind, form: Format, now: datetime) -> str:
        while True:
            digits = form.new()
            value = self._vault.index(_INDEX, digits)
            used = select(resident_numbers.c.state).where(resident_numbers.c.value == value)
            if uow.one(used) is None:
                break
        uow.execute(
            insert(resident_numbers).values(
                value=value,
                kind=kind,
                person_id=person_id,
                sealed=self._vault.seal(person_id, digits.encode(), _SEALED),
                state="active",
                allotted_at=now,
            )
        )
        return digits

    def _end(self, uow: UnitOfWork, person_id: str, kind: Kind, now: datetime) -> bool:
        theirs = (
            (resident_numbers.c.person_id == person_id)
            & (resident_numbers.c.kind == kind)
            & (resident_numbers.c.state == "active")
        )
        ended = update(resident_numbers).where(theirs)
        return uow.changed(ended.values(**_over(now))) > 0

    def _record(self, uow: UnitOfWork, person_id: str, kind: str) -> None:
        self._audit.record(uow, kind, Actor("citizen", person_id), (person_id,), {})


def end_with_identity(uow: UnitOfWork, person_id: str, now: datetime) -> None:
    """An archived identity has no number; a return from there gets another one."""
    theirs = (resident_numbers.c.person_id == person_id) & (resident_numbers.c.state == "active")
    uow.execute(update(resident_numbers).where(theirs).values(**_over(now)))


def _over(now: datetime) -> dict[str, Any]:
    """Whose it was is forgotten; that it was somebody's is not."""
    return {"state": "ended", "ended_at": now, "person_id": None, "sealed": None}
