"""Names of every script in letters that compare: romanised, one spelling for what sounds alike.

Two forms of each word. The fine one levels what differs by custom of transliteration alone (`Elena`
and `Yelena`, `Müller` and `Mueller`), and is what is compared. The coarse one is made of the first
letter's class and of the consonants that every script writes, and is what is searched by: Arabic
and Hebrew write no short vowels, and Arabic has neither `p` nor `v`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from anyascii import anyascii

from foundation.text import nfkc

# Words of a name that offices write, join or leave out as they like.
_PARTICLES = frozenset(
    (
        *("al", "el", "bin", "ben", "bn", "ibn", "bint", "de", "da", "do", "dos", "das", "di"),
        *("du", "del", "della", "la", "le", "van", "von", "der", "den", "zu", "y", "e", "i"),
    )
)
_CAMEL = re.compile(r"(?<=[a-z'])(?=[A-Z])")
_NO_LETTER = re.compile(r"[^a-z]+")
# Hebrew and Arabic leave vowels out; in the scripts of India one of them goes without saying.
_VOWELLESS = re.compile("[\u0590-\u08ff\u0900-\u0dff\ufb1d-\ufdff\ufe70-\ufeff]")
_HEBREW = re.compile("[\u0590-\u05ff\ufb1d-\ufb4f]")
_ARTICLE = re.compile("^\u0627\u0644(?=..)")
# A servant of the One, who has many names: one word or two, with the article or without.
_SERVANT, _SERVANT_OF = (
    frozenset(["abd", "abdu", "abdul", "abdel", "abdal"]),
    re.compile("^abd[uea][lr](?=[a-z]{3})"),
)
# What several letters stand for, longest first; then single ones.
_FINE = tuple(
    (re.compile(pattern), letters)
    for pattern, letters in (
        ("shch|sch|sh", "S"), ("tch|ch", "C"), ("dzh|dj|zh", "J"), ("kh|gh", "h"), ("ph", "f"),
        ("th", "t"), ("dh", "d"), ("ck|q", "k"), ("x", "ks"), ("ts|tz", "C"), ("c(?=[eiy])", "s"),
        ("c", "k"), ("ou|oo", "u"), ("ee|ie|y|j", "i"), ("ae", "a"), ("oe", "o"), ("ue", "u"),
        ("w", "v"), ("(?<=.)h(?![aeiou])", ""), ("^i(?=[aeou])", ""), (r"(.)\1+", r"\1"),
    )
)  # fmt: skip
_CLASSES = str.maketrans("zSCJqgpdo", "sssskkbta")
_VOWELS = "aeiou"
_MOST = 6


@dataclass(frozen=True, slots=True)
class Word:
    """`fine`: to compare. `coarse`: to search by. `vowelless`: its script leaves vowels out."""

    fine: str
    coarse: str
    vowelless: bool = False


@lru_cache(maxsize=256)
def words(name: str) -> tuple[Word, ...]:
    """The words of a name, in their order, without particles unless there is nothing else."""
    found: list[tuple[str, bool]] = []
    particles: list[tuple[str, bool]] = []
    for part in re.split(r"[\s\-\u2010-\u2015]+", nfkc(name)):
        vowelless = _VOWELLESS.search(part) is not None
        for piece in _romanised(part):
            begins_with_stop = vowelless and piece[:1] in ("`", "'")
            plain = "a" * begins_with_stop + _NO_LETTER.sub("", piece.lower())
            if found and found[-1][0] in _SERVANT and plain and plain not in _PARTICLES:
                found[-1] = ("abd" + plain, vowelless)
            elif plain:
                plain = _SERVANT_OF.sub("abd", plain)
                (particles if plain in _PARTICLES else found).append((plain, vowelless))
    return tuple(_word(plain, vowelless) for plain, vowelless in found or particles)


def _romanised(part: str) -> list[str]:
    """A word as one, or as the syllables that Chinese and Korean are written in."""
    if part.isascii():
        return [part]
    plain = anyascii(_ARTICLE.sub("", part))
    if _HEBREW.search(part):
        plain = plain.replace("kh", "q")
    return _CAMEL.split(plain)


def _word(plain: str, vowelless: bool) -> Word:
    fine = _fine(plain)
    return Word(fine, _coarse(fine, vowelless), vowelless)


def _fine(plain: str) -> str:
    for pattern, letters in _FINE:
        plain = pattern.sub(letters, plain)
    return plain or "i"


def _coarse(fine: str, vowelless: bool) -> str:
    """The class of the first letter, then consonants, each class once in a row; at most six."""
    first = fine[0]
    if first in _VOWELS or (first == "v" and vowelless):
        head = "a"
    else:
        head = "f" if first == "v" else first.translate(_CLASSES)
    rest = "".join(c for c in fine[1:].translate(_CLASSES) if c not in "aeiouhv")
    made = head
    for letter in rest:
        if letter != made[-1]:
            made += letter
    return made[:_MOST]
