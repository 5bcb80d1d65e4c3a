"""Whether two records look like one person, and why: pure — ISO/IEC 29115:2013 §10.1.2, EN-3.

Points for what is shared, by rules that are data; reasons are the names of the rules, and say
nothing of what stands in a record.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from rapidfuzz.distance import OSA, JaroWinkler

from foundation.birth import BirthDate, PartialDate
from foundation.marking import N_
from idp.register.profile import Profile
from idp.register.uniqueness.names import Word, words

RULES = Path(__file__).with_name("rules.toml")
_SAME, _ALIKE, _HEARD = 0.985, 0.88, 0.75
# A name that is written with another letter is likely another name, where it is short.
_SHORT = 3

REASONS: Mapping[str, str] = {
    "names.same": N_("The names are the same, whatever their order."),
    "names.alike": N_("The names are the same in another spelling or script."),
    "names.more": N_("The names are the same, and one record has more of them."),
    "names.given": N_("The first given name is the same."),
    "born.same": N_("The birth date is the same."),
    "born.swapped": N_("The birth date is the same when day and month change places."),
    "born.part": N_("The birth date may be the same: of one it is known in part only."),
    "born.slip": N_("The birth date differs in one part only."),
    "beside.phone": N_("The telephone number is the same."),
    "beside.email": N_("The e-mail address is the same."),
    "beside.number": N_(
        "The civil numbers differ by one character, or by two that changed places."
    ),
    "beside.place": N_("The address is the same."),
    "beside.document": N_("A document with the same number was shown for both."),
}


@dataclass(frozen=True, slots=True)
class Rules:
    """`points` by the names of REASONS."""

    version: str
    hold: int
    most_opened: int
    points: Mapping[str, int]

    @classmethod
    def read(cls, path: Path = RULES) -> Rules:
        """Raises KeyError where a rule is missing."""
        told = tomllib.loads(path.read_text(encoding="utf-8"))
        points = {f"{group}.{name}": int(told[group][name])
                  for group, name in (reason.split(".") for reason in REASONS)}  # fmt: skip
        return cls(told["version"], int(told["hold"]), int(told["most_opened"]), points)


@lru_cache(maxsize=1)
def shipped() -> Rules:
    return Rules.read()


@dataclass(frozen=True, slots=True)
class Likeness:
    score: int
    reasons: tuple[str, ...]


def compare(one: Profile, other: Profile, rules: Rules, same_document: bool = False) -> Likeness:
    """What two records share."""
    names = _names(one, other)
    found = [names, _born(one.birthdate, other.birthdate)]
    if names:
        # Twins share their home, its telephone, and the beginning of their numbers.
        found += _beside(one, other)
    if same_document:
        found.append("beside.document")
    reasons = tuple(reason for reason in found if reason)
    return Likeness(sum(rules.points[reason] for reason in reasons), reasons)


# ── names ─────────────────────────────────────────────────────────────────────────────


def alike(one: Word, other: Word) -> float:
    """0 to 1, where 1 is the same word."""
    if one.fine == other.fine:
        return 1.0
    if one.vowelless != other.vowelless and one.coarse == other.coarse:
        return _SAME
    if one.vowelless and other.vowelless and one.coarse == other.coarse:
        return _ALIKE
    shorter = min(len(one.fine), len(other.fine))
    if shorter == 1:
        return _ALIKE if one.fine[0] == other.fine[0] else 0.0
    if shorter <= _SHORT:
        return 0.0
    found = float(JaroWinkler.similarity(one.fine, other.fine))
    # The same consonants: Muhammad and Mohamed are one name in two people's hearing.
    return max(found, _ALIKE) if found >= _HEARD and one.coarse == other.coarse else found


def _names(one: Profile, other: Profile) -> str | None:
    mine, theirs = words(one.name), words(other.name)
    shorter, longer = sorted((mine, theirs), key=len)
    pairs = _paired(shorter, longer)
    if shorter and len(pairs) == len(shorter):
        if len(shorter) == len(longer):
            return "names.same" if min(pairs) >= _SAME else "names.alike"
        if len(shorter) > 1:
            return "names.more"
    # Written as one word, or as several.
    if _joined(mine) and sorted(_joined(mine)) == sorted(_joined(theirs)):
        return "names.same"
    first, second = words(one.given_name)[:1], words(other.given_name)[:1]
    if first and second and alike(first[0], second[0]) >= _SAME:
        return "names.given"
    return None


def _paired(shorter: Sequence[Word], longer: Sequence[Word]) -> list[float]:
    """How alike the pairs are that the words of two names make, the best first."""
    every = sorted(
        ((alike(a, b), i, j) for i, a in enumerate(shorter) for j, b in enumerate(longer)),
        reverse=True,
    )
    used: tuple[set[int], set[int]] = (set(), set())
    found = []
    for value, i, j in every:
        if value >= _ALIKE and i not in used[0] and j not in used[1]:
            used[0].add(i)
            used[1].add(j)
            found.append(value)
    return found


def _joined(name: Sequence[Word]) -> str:
    return "".join(word.fine for word in name)


# ── birth ─────────────────────────────────────────────────────────────────────────────


def _born(one: BirthDate, other: BirthDate) -> str | None:
    if one == other:
        return "born.same"
    if isinstance(one, date) and isinstance(other, date):
        if one.year == other.year and (one.month, one.day) == (other.day, other.month):
            return "born.swapped"
        return "born.slip" if _one_slip(one, other) else None
    return "born.part" if _compatible(one, other) else None


def _one_slip(one: date, other: date) -> bool:
    """Whether year, month and day are the same but one, and that one is a slip of the pen."""
    parts = [(f"{one.year:04}", f"{other.year:04}"), (f"{one.month:02}", f"{other.month:02}"),
             (f"{one.day:02}", f"{other.day:02}")]  # fmt: skip
    different = [pair for pair in parts if pair[0] != pair[1]]
    return len(different) == 1 and OSA.distance(*different[0]) == 1


def _compatible(one: BirthDate, other: BirthDate) -> bool:
    if one.year != other.year:
        return False
    months = {part.month for part in (one, other) if not _only_year(part)}
    return len(months) <= 1


def _only_year(born: BirthDate) -> bool:
    return isinstance(born, PartialDate) and born.month is None


# ── the rest ──────────────────────────────────────────────────────────────────────────


def _beside(one: Profile, other: Profile) -> list[str]:
    found = []
    if one.phone_number and one.phone_number == other.phone_number:
        found.append("beside.phone")
    if one.email and one.email.casefold() == other.email.casefold():
        found.append("beside.email")
    if OSA.distance(one.civil_number, other.civil_number, score_cutoff=1) == 1:
        found.append("beside.number")
    if place_of(one) and place_of(one) == place_of(other):
        found.append("beside.place")
    return found


def place_of(profile: Profile) -> str:
    """Street and town in letters that compare; empty where the street is not known."""
    if not profile.street_address:
        return ""
    number = "".join(c for c in profile.street_address if c.isdigit())
    street = "".join(word.fine for word in words(profile.street_address))
    town = "".join(word.coarse for word in words(profile.locality))
    return f"{street} {number} {town}"


__all__ = ["REASONS", "Likeness", "Rules", "alike", "compare", "place_of", "shipped"]
