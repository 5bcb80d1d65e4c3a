"""In which encoding a file is: by its mark, else UTF-16 or UTF-8, else one that is set; pure."""

from __future__ import annotations

import codecs

from foundation.marking import N_
from foundation.text import category
from idp.register.imports.rows import FileRefused, Remark

# The longer marks first: that of UTF-32 begins as that of UTF-16 does.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What is guessed where nothing is set. Beside letters a name or an address of Western Europe
# holds these beyond ASCII; a file with others is in another encoding.
_GUESS = "cp1252"
_MARKS_OF_NAMES = (
    "\u00a0\u00aa\u00ab\u00b0\u00b4\u00b7\u00ba\u00bb\u2013\u2014\u2018\u2019\u201c\u201d"
)


def decoded(content: bytes, otherwise: str) -> tuple[str, tuple[Remark, ...]]:
    """The text, and what must be told of how it was read.

    `otherwise`: the encoding of a file that is neither UTF-8 nor UTF-16. Raises FileRefused.
    """
    named = _named(content)
    if named is not None:
        return _strict(content, named), ()
    try:
        return _without_nul(content.decode("utf-8")), ()
    except UnicodeDecodeError as error:
        if _is_damaged(content):
            raise _refused("UTF-8", content, error.start) from None
    text = _strict(content, otherwise)
    if codecs.lookup(otherwise).name == _GUESS:
        _check_guess(text, otherwise)
    told = Remark(
        1,
        "file",
        f"The file is not UTF-8; it was read as {otherwise}.",
        "Compare a name with its accents. If it is wrong, export files as UTF-8, or set "
        "[register] import_encoding.",
    )
    return text, (told,)


def _is_damaged(content: bytes) -> bool:
    """Whether it is UTF-8 that was cut or pasted into: most of what is not ASCII is right."""
    read = content.decode("utf-8", "replace")
    wrong = read.count("\ufffd")
    return sum(not char.isascii() for char in read) - wrong >= wrong


def _check_guess(text: str, encoding: str) -> None:
    for place, char in enumerate(text):
        if not (char.isascii() or category(char)[0] in "LM" or char in _MARKS_OF_NAMES):
            raise FileRefused(
                N_("The file is not UTF-8 text, and not %(encoding)s either.", encoding=encoding),
                where=f"line {text.count(chr(10), 0, place) + 1}",
                next_step="Export it again, and choose the encoding UTF-8.",
            )


def _named(content: bytes) -> str | None:
    """The encoding by the file's mark or, for UTF-16, by the zero octet beside its first letter,
    which is one of ASCII in a header and in JSON."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    if len(content) % 2 == 0 and content[:2].count(0) == 1:
        return "utf-16-be" if content[0] == 0 else "utf-16-le"
    return None


def _strict(content: bytes, encoding: str) -> str:
    try:
        return _without_nul(content.decode(encoding))
    except UnicodeDecodeError as error:
        raise _refused(encoding.removesuffix("-sig").upper(), content, error.start) from None


def _refused(encoding: str, content: bytes, place: int) -> FileRefused:
    return FileRefused(
        N_("The file is not %(encoding)s text.", encoding=encoding),
        where=f"line {content.count(10, 0, place) + 1}",
        next_step="Export it again, and choose the encoding UTF-8.",
    )


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise FileRefused(
            "The file holds a NUL character.",
            where=f"line {text.count(chr(10), 0, text.index(chr(0))) + 1}",
            next_step="Export it again as plain text.",
        )
    # DOS ended a file with Ctrl-Z, and some programs still do.
    return text.removesuffix("\x1a")
