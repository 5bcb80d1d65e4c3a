"""Which passwords may be chosen: long enough, and not on any list — NIST SP 800-63B §5.1.1.2, AU-2.

No rule about digits or signs: such rules make passwords worse. What is refused is what a guesser
tries first: passwords that leaked (`breached`), common ones (zxcvbn's lists), the person's and the
city's own words, patterns.
"""

from __future__ import annotations

from collections.abc import Iterable

from foundation.pages import N_
from foundation.text import category
from idp.login.authenticators.breached import BreachedPasswords
from idp.login.authenticators.password import MOST_BYTES, prepared, too_long

LEAST_SCORE = 3  # zxcvbn: at least 10^8 guesses
_LOOKED_AT = 72  # zxcvbn's time grows with length; more characters only make it stronger


TOO_SHORT = N_("Choose a password of at least %(minimum)s characters. Three or four words do well.")
TOO_LONG = N_("This password is too long. Choose a shorter one, of %(most)s bytes at most.")
GUESSABLE = N_(
    "This password is easily guessed: it is on the lists that attackers try first, or close to "
    "your name or the city's. Choose three or four unrelated words."
)
BREACHED = N_(
    "This password is on a list of passwords that leaked or that very many people use, and "
    "attackers try those first. Choose another one, of three or four unrelated words. If you use "
    "it elsewhere, change it there, too."
)
NOT_TEXT = N_("A password may not contain characters that cannot be seen, such as a tab.")


def objection(
    password: str, minimum: int, breached: BreachedPasswords, context: Iterable[str] = ()
) -> str | None:
    """Why ``password`` may not be chosen (a message id), or None when it may.

    ``context``: words that belong to the person or the service; each part counts.
    """
    if too_long(password):
        return TOO_LONG
    text = prepared(password)
    if any(category(c) == "Cc" for c in text):
        return NOT_TEXT
    if len(text) < minimum:
        return TOO_SHORT
    if breached.has(text):
        return BREACHED
    from zxcvbn import zxcvbn  # a second of lists: loaded by the first who chooses

    words = [part for phrase in context for part in [phrase, *phrase.split()] if len(part) > 2]
    verdict = zxcvbn(text[:_LOOKED_AT], user_inputs=words, max_length=_LOOKED_AT)
    return GUESSABLE if verdict["score"] < LEAST_SCORE else None


def values(minimum: int) -> dict[str, int]:
    """What the sentences above name."""
    return {"minimum": minimum, "most": MOST_BYTES}
