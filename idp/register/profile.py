"""What the register knows of a person: one sealed JSON — OpenID Connect Core 1.0 §5.1."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any

from foundation import birth
from foundation.birth import BirthDate
from foundation.marking import N_
from foundation.text import (
    JOINERS,
    TURNS,
    after_virama,
    category,
    digits,
    invisible,
    is_dash,
    is_letter,
    is_mark,
    nfc,
    nfkc,
    trimmed,
)

REQUIRED = ("civil_number", "birthdate", "locality", "country")
# Many people have one name; which of the two it is filed under depends on the office.
NAMES = ("given_name", "family_name")
MOST_CHARACTERS = 200
# The plus sign of Swedish and Finnish numbers says in which century somebody was born.
_CIVIL_NUMBER = re.compile(r"[A-Z0-9+]{4,32}")
# 1.23E+12, or 12345678.0: the digits that it stood for are lost.
_REWRITTEN = re.compile(r"\d[.,]\d+E\+?\d{1,3}|\dE\+\d{1,3}|\d+[.,]0{1,2}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}")
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
_MUNICIPALITY = re.compile(r"[A-Z0-9][A-Z0-9.-]{0,31}")
_PHONE = re.compile(r"\+[0-9]{6,15}")
# A person may be 130 years old; who was born later than today is a slip of the pen.
_OLDEST = 130


class WrongField(ValueError):
    """A value that cannot stand in a profile. `field`: where; `what_to_do`: a sentence."""

    def __init__(self, field: str, reason: str, what_to_do: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
        self.what_to_do = what_to_do


class WrongFields(WrongField):
    """All that is wrong with somebody's values, in the order of the fields; taken as a WrongField,
    the first of them."""

    def __init__(self, faults: Sequence[WrongField]) -> None:
        first = faults[0]
        super().__init__(first.field, first.reason, first.what_to_do)
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Profile:
    """A natural person as a civil register knows them. Empty text: not known.

    One of the two names may be empty. `country`: ISO 3166-1 alpha-2. `locale`: a BCP 47 tag.
    `phone_number`: E.164. `municipality_code`: of the country's own list.
    """

    civil_number: str
    given_name: str
    family_name: str
    birthdate: BirthDate
    street_address: str = ""
    postal_code: str = ""
    locality: str = ""
    region: str = ""
    country: str = ""
    email: str = ""
    phone_number: str = ""
    locale: str = ""
    municipality_code: str = ""

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()

    @property
    def greeting(self) -> str:
        """The name by which the person is greeted: the given one, or the only one."""
        return self.given_name or self.family_name

    @classmethod
    def parse(cls, values: Mapping[str, Any], today: date) -> Profile:
        """A profile from the texts of a form; raises WrongFields with all that is wrong."""
        profile, faults = cls._read(values, today)
        if profile is None or faults:
            raise WrongFields(faults)
        return profile

    @classmethod
    def read(
        cls, values: Mapping[str, Any], today: date, known: Sequence[WrongField] = ()
    ) -> tuple[Profile, tuple[WrongField, ...]]:
        """As `parse`, without the fields that a person can do without and that are wrong: these
        are told. Raises WrongFields if there are others. `known`: faults that were found before."""
        profile, faults = cls._read(values, today, known)
        if profile is None:
            raise WrongFields(faults)
        return profile, faults

    @classmethod
    def _read(
        cls, values: Mapping[str, Any], today: date, known: Sequence[WrongField] = ()
    ) -> tuple[Profile | None, tuple[WrongField, ...]]:
        """No profile where a field is wrong or empty that nobody can do without."""
        faults = {wrong.field: wrong for wrong in known}
        texts: dict[str, str] = {}
        for name in FIELDS:
            texts[name] = ""
            try:
                if name not in faults:
                    texts[name] = _field(name, values.get(name, ""))
            except WrongField as wrong:
                faults[wrong.field] = wrong
        for name in REQUIRED:
            if not texts[name] and name not in faults:
                faults[name] = WrongField(name, "is empty", "Fill it in from the civil register.")
        needed = {name for name in (*REQUIRED, *NAMES) if name in faults}
        _drop_placeholder(texts, faults)
        if not any(texts[name] for name in NAMES) and not needed & set(NAMES):
            needed.add("given_name")
            faults["given_name"] = WrongField(
                "given_name",
                "is empty, and so is the other name",
                "Fill in one of the two names from the civil register.",
            )
        born = None
        if "birthdate" not in faults:
            try:
                born = _birthdate(texts["birthdate"], today)
            except WrongField as wrong:
                faults["birthdate"] = wrong
        told = tuple(faults[name] for name in FIELDS if name in faults)
        if needed or born is None:
            return None, told
        return cls(**{**texts, "birthdate": born}), told  # type: ignore[arg-type]

    def to_json(self) -> bytes:
        values = {**asdict(self), "birthdate": self.birthdate.isoformat()}
        return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, stored: bytes) -> Profile:
        values = json.loads(stored)
        return cls(**{**values, "birthdate": birth.parse(values["birthdate"])})

    def cut(self) -> Profile:
        """What must be kept of an archived identity: enough to know the person again."""
        return Profile(self.civil_number, self.given_name, self.family_name, self.birthdate)


FIELDS = tuple(f.name for f in fields(Profile))
_PATTERNS = {
    "country": (_COUNTRY, N_("Write the two capital letters of ISO 3166-1, such as EE.")),
    "locale": (_LOCALE, N_("Write a language tag such as fr or pt-BR.")),
    "email": (_EMAIL, N_("Write one address such as name@example.city, or leave it empty.")),
    "phone_number": (_PHONE, N_("Write it with the country code, such as +3725551234.")),
    "municipality_code": (_MUNICIPALITY, N_("Write the code as the country's list has it.")),
}


def civil_number(written: str) -> str:
    """The one form of a civil number: capitals, digits and plus signs, without what groups them:
    spaces, dots, slashes, hyphens of any kind, and what is not seen."""
    text = digits(nfkc(trimmed(written))).upper().removeprefix("'")
    if _REWRITTEN.fullmatch(text):
        raise WrongField(
            "civil_number",
            "is not a civil number: a spreadsheet made another number of it",
            "Export it again with the column as text.",
        )
    normal = "".join(char for char in text if not _groups(char))
    if not _CIVIL_NUMBER.fullmatch(normal):
        raise WrongField(
            "civil_number",
            "is not a civil number",
            "Write 4 to 32 letters A–Z and digits; spaces, dots and dashes do not count.",
        )
    return normal


def _groups(char: str) -> bool:
    return char in " .,/\u2215\u00b7\u30fb" or is_dash(char) or invisible(char)


def _field(name: str, value: Any) -> str:
    text = _text(name, value)
    if not text:
        return ""
    if name == "civil_number":
        return civil_number(text)
    pattern, what_to_do = _PATTERNS.get(name, (None, ""))
    if pattern is not None and not pattern.fullmatch(text):
        raise WrongField(name, "is not in the expected form", what_to_do)
    return text


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise WrongField(name, "is not text", "Write the value as text, in quotation marks.")
    text = value if value.isascii() else "".join(map(_seen_as, nfc(value)))
    text = trimmed(text)
    if len(text) > MOST_CHARACTERS:
        raise WrongField(name, f"has more than {MOST_CHARACTERS} characters", "Shorten the value.")
    if text.isascii() and text.isprintable():
        return text
    for place, char in enumerate(text):
        # Control characters and bidirectional overrides could make one name look like another.
        if category(char) in _NOT_PRINTED or char in TURNS:
            raise WrongField(
                name, "holds a character that cannot be printed", "Type the value again by hand."
            )
        if invisible(char) and not _has_meaning(text, place):
            raise WrongField(
                name, "holds a character that is not seen", "Type the value again by hand."
            )
    return text


def _seen_as(char: str) -> str:
    """The one space for spaces of all widths; nothing for what a document left there."""
    return "" if char in _LEFT_BEHIND else " " if category(char) == "Zs" else char


_NOT_PRINTED = ("Cc", "Cs", "Co", "Cn", "Zl", "Zp")
# Soft hyphens, breaks and marks of direction that say nothing of a name: documents put them there.
_LEFT_BEHIND = frozenset("\u00ad\u061c\u200b\u200e\u200f\u2060\ufeff")


def _has_meaning(text: str, place: int) -> bool:
    """Whether what is not seen changes how its neighbours look: a joiner between letters, or a
    variation selector after one."""
    before, after = text[:place], text[place + 1 : place + 2]
    if not before or not (is_letter(before[-1]) or is_mark(before[-1])):
        return False
    if text[place] in JOINERS:
        return after_virama(before) or (after != "" and is_letter(after))
    return is_mark(text[place])


def _drop_placeholder(texts: dict[str, str], faults: dict[str, WrongField]) -> None:
    """A dash or dot for a name that a person does not have is no name."""
    for name in NAMES:
        if texts[name] and not any(is_letter(char) for char in texts[name]):
            what_to_do = "Leave it empty, or write the name."
            faults[name] = WrongField(name, "holds no letter", what_to_do)
            texts[name] = ""


def _birthdate(text: str, today: date) -> BirthDate:
    try:
        born = birth.parse(text)
    except ValueError:
        raise WrongField(
            "birthdate",
            "is not a date",
            "Write year-month-day, such as 1987-03-21; of what is known in part, 1987-03 or 1987.",
        ) from None
    if birth.earliest(born) > today:
        raise WrongField("birthdate", "lies in the future", "Correct the year.")
    if today.year - born.year > _OLDEST:
        raise WrongField("birthdate", f"lies more than {_OLDEST} years back", "Correct the year.")
    return born
