"""What the register knows of a person: one sealed JSON — OpenID Connect Core 1.0 §5.1."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any

REQUIRED = ("civil_number", "given_name", "family_name", "birthdate", "locality", "country")
MOST_CHARACTERS = 200
_CIVIL_NUMBER = re.compile(r"[A-Z0-9]{4,32}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
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


@dataclass(frozen=True, slots=True)
class Profile:
    """A natural person as a civil register knows them. Empty text: not known.

    `country`: ISO 3166-1 alpha-2. `locale`: a BCP 47 tag. `phone_number`: E.164.
    """

    civil_number: str
    given_name: str
    family_name: str
    birthdate: date
    street_address: str = ""
    postal_code: str = ""
    locality: str = ""
    region: str = ""
    country: str = ""
    email: str = ""
    phone_number: str = ""
    locale: str = ""

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()

    @classmethod
    def parse(cls, values: Mapping[str, Any], today: date) -> Profile:
        """A profile from the texts of a row; raises WrongField at the first that is wrong."""
        texts = {name: _text(name, values.get(name, "")) for name in FIELDS}
        for name in REQUIRED:
            if not texts[name]:
                raise WrongField(name, "is empty", "Fill it in from the civil register.")
        texts["civil_number"] = civil_number(texts["civil_number"])
        for name, (pattern, what_to_do) in _PATTERNS.items():
            if texts[name] and not pattern.fullmatch(texts[name]):
                raise WrongField(name, "is not in the expected form", what_to_do)
        rest = {name: text for name, text in texts.items() if name != "birthdate"}
        return cls(birthdate=_birthdate(texts["birthdate"], today), **rest)

    def to_json(self) -> bytes:
        values = {**asdict(self), "birthdate": self.birthdate.isoformat()}
        return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, stored: bytes) -> Profile:
        values = json.loads(stored)
        return cls(**{**values, "birthdate": date.fromisoformat(values["birthdate"])})

    def cut(self) -> Profile:
        """What must be kept of an archived identity: enough to know the person again."""
        return Profile(self.civil_number, self.given_name, self.family_name, self.birthdate)


FIELDS = tuple(f.name for f in fields(Profile))
_PATTERNS = {
    "country": (_COUNTRY, "Write the two capital letters of ISO 3166-1, such as EE."),
    "locale": (_LOCALE, "Write a language tag such as fr or pt-BR."),
    "email": (_EMAIL, "Write one address such as name@example.city, or leave it empty."),
    "phone_number": (_PHONE, "Write it with the country code, such as +3725551234."),
}


def civil_number(written: str) -> str:
    """The one form of a civil number: capitals and digits, without spaces, dots and dashes."""
    normal = "".join(
        c for c in unicodedata.normalize("NFKC", written).upper() if c not in " -./\u2011\u2013"
    )
    if not _CIVIL_NUMBER.fullmatch(normal):
        raise WrongField(
            "civil_number",
            "is not a civil number",
            "Write 4 to 32 letters A–Z and digits; spaces, dots and dashes do not count.",
        )
    return normal


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise WrongField(name, "is not text", "Write the value as text, in quotation marks.")
    text = unicodedata.normalize("NFC", value).strip()
    if len(text) > MOST_CHARACTERS:
        raise WrongField(name, f"has more than {MOST_CHARACTERS} characters", "Shorten the value.")
    # Control characters and bidirectional overrides could make one name look like another.
    if any(unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn") or c in _OVERRIDES for c in text):
        raise WrongField(
            name, "holds a character that cannot be printed", "Type the value again by hand."
        )
    return text


_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")


def _birthdate(text: str, today: date) -> date:
    try:
        # `fromisoformat` also reads 20000101 and week dates: only one form is ours.
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
            raise ValueError(text)
        born = date.fromisoformat(text)
    except ValueError:
        raise WrongField(
            "birthdate", "is not a date", "Write year-month-day, such as 1987-03-21."
        ) from None
    if born > today:
        raise WrongField("birthdate", "lies in the future", "Correct the year.")
    if today.year - born.year > _OLDEST:
        raise WrongField("birthdate", f"lies more than {_OLDEST} years back", "Correct the year.")
    return born
