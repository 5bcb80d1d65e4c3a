"""Text in any script by one version of Unicode, whichever Python runs — UAX #15, UAX #44.

Python's own tables move with its version: a letter that 3.11 does not know is one to 3.13, and a
name that was chosen there would not be found here. These come from `unicodedata2`, whose version
is pinned (decision 30).
"""

from __future__ import annotations

import unicodedata2
from precis_i18n.unicode import UnicodeData

_IGNORABLE = UnicodeData(unicodedata2).default_ignorable
# Drawn as nothing, though no property of Unicode says so: blanks of Braille and hieroglyphs, the
# filler of Khitan, a note without a head. (Those of Hangul are default ignorable.)
_BLANK = frozenset("\u2800\U00013441\U00013442\U00016fe4\U0001d159")


def category(char: str) -> str:
    """The general category, such as `Lo`; `Cn` for what Unicode does not know."""
    return str(unicodedata2.category(char))


def nfc(text: str) -> str:
    return text if text.isascii() else str(unicodedata2.normalize("NFC", text))


def nfkc(text: str) -> str:
    return text if text.isascii() else str(unicodedata2.normalize("NFKC", text))


def fold(text: str) -> str:
    """One form for texts that differ in case, width or the encoding of accents only."""
    folded = nfkc(text).casefold()
    return folded if folded.isascii() else "".join(_small(char) for char in folded)


def _small(char: str) -> str:
    """The small letter of a capital that is younger than this Python: the two are paired by their
    names, which never change. Everything else as it is."""
    if category(char) != "Lu":
        return char
    try:
        return str(unicodedata2.lookup(unicodedata2.name(char).replace("CAPITAL", "SMALL")))
    except KeyError:
        return char


def invisible(char: str) -> bool:
    """Whether nothing is seen where this character stands, a space apart: default ignorable code
    points, format characters, and blanks that count as letters or symbols."""
    return _IGNORABLE(ord(char)) or category(char) == "Cf" or char in _BLANK


def is_mark(char: str) -> bool:
    """Whether it combines with the character before it."""
    return category(char).startswith("M")


def is_letter(char: str) -> bool:
    """Whether it is a letter or a digit that can be seen."""
    return category(char)[0] in "LN" and not invisible(char)


def is_dash(char: str) -> bool:
    """Whether people type it as a hyphen: any dash, the minus sign, the hyphen bullet, the
    lengthening mark of Kana."""
    return category(char) == "Pd" or char in "\u02d7\u2043\u2212\u30fc"


def digits(text: str) -> str:
    """The text with the decimal digits of every script as those of ASCII."""
    if text.isascii():
        return text
    return "".join(str(unicodedata2.decimal(char, char)) for char in text)


def trimmed(text: str) -> str:
    """Without what is not seen at its ends: spaces, and marks that a page or document left there.

    A joiner after a virama, and a variation selector, belong to the letter before them; what turns
    the direction of writing is left, to be refused.
    """
    if text.isascii():
        return text.strip()
    start, end = 0, len(text)
    while start < end and _is_nothing(text[start]):
        start += 1
    while end > start and _is_over(text[end - 2 : end] if end - start > 1 else text[start:end]):
        end -= 1
    return text[start:end]


def _is_over(end: str) -> bool:
    """Whether the last of these characters shows nothing, and changes nothing before it."""
    before, last = end[:-1], end[-1]
    if before and (is_mark(last) or (last in JOINERS and after_virama(before))):
        return False
    return _is_nothing(last)


def _is_nothing(char: str) -> bool:
    return char.isspace() or category(char) == "Zs" or (invisible(char) and char not in TURNS)


# Embeddings, overrides and isolates: one name could be shown as another by them.
TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
# ZWNJ and ZWJ: Persian, and the scripts of India, are misspelt without them.
JOINERS = "\u200c\u200d"


def after_virama(before: str) -> bool:
    """Whether a joiner has its meaning here whatever follows — RFC 5892 §A.1, A.2."""
    return int(unicodedata2.combining(before[-1])) == 9
