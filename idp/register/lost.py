"""What somebody writes who lost every means of signing in: who they are, as they know it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from foundation import birth
from foundation.birth import BirthDate, PartialDate
from foundation.errors import BadRequest
from foundation.text import digits, nfkc, trimmed
from idp.register.profile import WrongField, civil_number

_MOST = 254
_DATE = ("day", "month", "year")


class WrongBirthDate(BadRequest):
    """Day, month and year are no date, whoever it is about."""

    def __init__(self) -> None:
        super().__init__("This is not a date.", where="birthdate")


@dataclass(frozen=True, slots=True)
class Lost:
    """`named`: a sign-in name or a civil number, as it was typed; `number`: the latter in its one
    form, empty where it can be none. Nothing here is proven."""

    named: str
    number: str
    born: BirthDate

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> Lost:
        """From a form. Raises WrongBirthDate: what it says does not hang on who exists."""
        named = form.get("named", "")[:_MOST]
        try:
            number = civil_number(named)
        except WrongField:
            number = ""
        return cls(named, number, _born(form))

    def was_born(self, known: BirthDate) -> bool:
        """Whether it is the birth date that the register knows, as far as it knows one."""
        if isinstance(known, PartialDate):
            same_month = known.month is None or known.month == self.born.month
            return known.year == self.born.year and same_month
        return known == self.born

    def to_json(self) -> bytes:
        return json.dumps([self.named, self.number, self.born.isoformat()]).encode()

    @classmethod
    def from_json(cls, stored: bytes) -> Lost:
        named, number, born = json.loads(stored)
        return cls(named, number, birth.parse(born))


def _born(form: Mapping[str, str]) -> BirthDate:
    """Of a date that is known in part, the day, or day and month, stay empty."""
    day, month, year = (digits(nfkc(trimmed(form.get(name, "")))) for name in _DATE)
    if not year.isascii() or not year.isdigit() or len(year) != 4:
        raise WrongBirthDate
    try:
        return birth.parse("-".join([year, f"{int(month or 0):02}", f"{int(day or 0):02}"]))
    except ValueError:
        raise WrongBirthDate from None
