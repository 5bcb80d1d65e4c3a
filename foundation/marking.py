"""Mark a sentence that is translated where it is shown; apart, since errors have sentences too."""

from __future__ import annotations

from typing import Any


class Sentence(str):
    """A sentence with its values in it, which remembers both: a page says it in the reader's
    language, a program and the log read it as it stands."""

    __slots__ = ("message", "values")

    message: str
    values: dict[str, Any]

    def __new__(cls, message: str, values: dict[str, Any]) -> Sentence:
        sentence = super().__new__(cls, message % values)
        sentence.message = message
        sentence.values = values
        return sentence


def N_(message: str, /, **values: Any) -> str:  # noqa: N802 - gettext's own name
    """The sentence itself: extraction finds it here, pages say it in the reader's language.

    A value that is a sentence too, such as the name of a state, is said in that language as well;
    mark it by ``Sentence(word, {})``.
    """
    return Sentence(message, values) if values else message
