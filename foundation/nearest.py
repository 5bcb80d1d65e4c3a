"""What to write instead of a word that nobody here knows: all of them, and the nearest."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def instead(written: str, known: Iterable[str], verb: str = "Write") -> str:
    """`Write one of officer, operator; did you mean officer?` Case is no difference."""
    words = list(known)
    if not words:
        return "There is none here."
    one_of = f"{verb} one of {', '.join(words)}" if len(words) > 1 else f"{verb} {words[0]}"
    by_lower = {word.lower(): word for word in words}
    near = get_close_matches(written.strip().lower(), list(by_lower), n=1, cutoff=0.7)
    return f"{one_of}; did you mean {by_lower[near[0]]}?" if near else f"{one_of}."
