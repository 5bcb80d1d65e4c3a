"""Whether an office means the person whom it names: by name and birth date, beside the number.

Offices write names in their own order, with or without accents and hyphens; a name of other words
is another name.
"""

from __future__ import annotations

import unicodedata


def differs(
    name: str, birthdate: str, known_name: str | None, known_birthdate: str | None
) -> tuple[str, ...]:
    """Which of the two is another one: "name", "birthdate"; none for the same person."""
    found = []
    if _words(name) != _words(known_name or ""):
        found.append("name")
    if birthdate.strip() != (known_birthdate or ""):
        found.append("birthdate")
    return tuple(found)


def _words(name: str) -> list[str]:
    """The words of a name, without case, accents and punctuation, in one order."""
    plain = "".join(
        char if char.isalnum() else "" if _joins(char) else " "
        for char in unicodedata.normalize("NFKD", name).casefold()
    )
    return sorted(plain.split())


def _joins(char: str) -> bool:
    """Accents, and apostrophes within a word."""
    return unicodedata.combining(char) != 0 or char in "'’ʼ`"
