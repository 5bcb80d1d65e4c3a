"""Whether a person lives in the city: by codes where there are any, else by its name.

A name in an address is written in many ways, so that another name says nothing: a no comes from a
code, of the municipality or the country, and never from spelling.
"""

from __future__ import annotations

import re
from functools import lru_cache

import unicodedata2

from foundation.settings import Jurisdiction
from foundation.text import fold, is_letter
from idp.register.profile import Profile

# What the European Union writes for the codes of ISO 3166-1.
_CODES = {"UK": "GB", "EL": "GR"}
_BASE = re.compile(r"LATIN SMALL LETTER (?:DOTLESS )?([A-Z]{1,2}) (?:WITH .+)?")
# What stands for letters of two parts, and for the umlauts, where a keyboard lacks them.
_IN_TWO = str.maketrans({"œ": "oe", "þ": "th", "ð": "d"})
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})


def lives_in(profile: Profile, jurisdiction: Jurisdiction) -> bool | None:
    """None: it is not known."""
    if _code(profile.country) != _code(jurisdiction.country):
        return False
    if profile.municipality_code and jurisdiction.municipality_code:
        return profile.municipality_code == jurisdiction.municipality_code
    ours = _all_spellings((jurisdiction.city, *jurisdiction.city_spellings))
    return True if ours & spellings(profile.locality) else None


@lru_cache(maxsize=8)
def _all_spellings(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(form for name in names for form in spellings(name))


def _code(country: str) -> str:
    return _CODES.get(country, country)


def spellings(name: str) -> frozenset[str]:
    """The forms under which a name of a place is the same one: without case, accents and
    punctuation, umlauts as one letter or as two. Empty for a name of no letters."""
    folded = fold(name)
    forms = {_plain(folded), _plain(folded.translate(_UMLAUTS))}
    return frozenset(form for form in forms if form)


def _plain(folded: str) -> str:
    letters = unicodedata2.normalize("NFKD", folded.translate(_IN_TWO))
    plain = "".join(_base(char) for char in letters if not _is_accent(char))
    return " ".join("".join(c if _is_written(c) else " " for c in plain).split())


def _is_written(char: str) -> bool:
    return is_letter(char) or unicodedata2.category(char).startswith("M")


def _is_accent(char: str) -> bool:
    """Accents, and the vowel points of Hebrew and Arabic; not the vowels of scripts that cannot do
    without them, whose signs have other classes — Unicode 4.3."""
    kind = int(unicodedata2.combining(char))
    return 10 <= kind <= 36 or kind >= 200


def _base(char: str) -> str:
    """The letter below a stroke or tail, which no decomposition takes off: `l` of `ł`."""
    match = _BASE.fullmatch(unicodedata2.name(char, "") + " ")
    return match[1].lower() if match else char
