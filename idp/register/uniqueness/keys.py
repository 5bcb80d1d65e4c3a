"""By which values people are searched who may be one person: pure.

No value is one attribute alone: a name goes with a birth date, an address or a contact, never by
itself. So no value is frequent, and who has the table learns nothing from how often one is there.
What stands in the table is a keyed digest of each (`store`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import combinations

from foundation.text import nfkc
from idp.register.profile import Profile
from idp.register.uniqueness.comparing import place_of
from idp.register.uniqueness.names import words

_MOST_WORDS = 4
_LEAST_NUMBER = 5


def of_record(profile: Profile) -> set[str]:
    """What a record is found by. Day and month stand in the order of their size, so that who
    changes their places finds it."""
    names = _longest(profile)
    pairs = ["+".join(pair) for pair in combinations(names, 2)] or names
    born, made = profile.birthdate, set()
    if isinstance(born, date):
        day = sorted((born.day, born.month))
        made |= {f"word {name} {born.year} {day[0]}-{day[1]}" for name in names}
        made |= {f"day {pair} {born.month}-{born.day}" for pair in pairs}
    made |= {f"year {pair} {born.year}" for pair in pairs}
    for kind, value in _beside(profile):
        made |= {f"{kind} {pair} {value}" for pair in pairs}
    return made


def of_documents(references: Iterable[str]) -> set[str]:
    """What a record is found by whose owner showed papers with these numbers."""
    numbers = ("".join(c for c in nfkc(r).upper() if c.isalnum()) for r in references)
    return {f"document {number}" for number in numbers if len(number) >= _LEAST_NUMBER}


def _longest(profile: Profile) -> list[str]:
    """The coarse words of a name, those that tell most, in one order."""
    found = {word.coarse for word in words(profile.name)}
    return sorted(sorted(found, key=lambda word: (-len(word), word))[:_MOST_WORDS])


def _beside(profile: Profile) -> Iterable[tuple[str, str]]:
    if profile.phone_number:
        yield "phone", profile.phone_number
    if profile.email:
        yield "email", profile.email.casefold()
    if place := place_of(profile):
        yield "place", place
