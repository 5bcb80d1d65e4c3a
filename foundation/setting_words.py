"""What is wrong with a setting, in our words: the library's are made for those who write Python."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from foundation.nearest import instead

Details = Mapping[str, Any]


def _choice(found: Details) -> str:
    words = re.findall(r"'([^']*)'", str(found["ctx"]["expected"]))
    return instead(str(found["input"]), words)


def _says(pattern: str) -> Callable[[Details], str]:
    return lambda found: pattern.format(**found.get("ctx", {}))


_WHOLE = _says("Write a whole number, such as 10.")
_NUMBER = _says("Write a number, such as 10 or 2.5.")
_LIST = _says('Write a list in brackets, such as ["one", "two"].')
_TABLE = _says("Write a table: keys with values, such as { key = 1 }.")
_YES_OR_NO = _says("Write true or false, without quotes.")
_TEXT = _says('Write text in quotes, such as "text".')
_ADVICE: dict[str, Callable[[Details], str]] = {
    "literal_error": _choice,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "bool_type": _YES_OR_NO,
    "bool_parsing": _YES_OR_NO,
    "string_type": _TEXT,
    "tuple_type": _LIST,
    "list_type": _LIST,
    "dict_type": _TABLE,
    "model_type": _TABLE,
    "string_too_short": _says("Write at least {min_length} characters."),
    "string_too_long": _says("Write at most {max_length} characters."),
    "too_short": _says("Write at least {min_length} of them."),
    "too_long": _says("Write at most {max_length} of them."),
    "greater_than_equal": _says("Write {ge} or more."),
    "greater_than": _says("Write more than {gt}."),
    "less_than_equal": _says("Write {le} or less."),
    "less_than": _says("Write less than {lt}."),
    "missing": _says("Write this key."),
}


def about(section: str, keys: Iterable[str], found: Details) -> str:
    """The sentence of one error of the library, without the file's name: what, where, what next."""
    key = ".".join(str(part) for part in found["loc"])
    if found["type"] == "extra_forbidden":
        return f"unknown key {key!r} in [{section}]; {_small(instead(key, sorted(keys)))}"
    if found["type"] == "value_error":
        said = str(found["msg"]).removeprefix("Value error, ").rstrip(".") + "."
        return f"[{section}] {key} is {found['input']!r}: {said}" if key else f"[{section}] {said}"
    advice = _ADVICE.get(found["type"], _says("That cannot be read; see docs/settings.md."))(found)
    if not key:
        return f"[{section}] is {found['input']!r}: write a line [{section}], and its keys below."
    return f"[{section}] {key} is {found['input']!r}; {_small(advice)}"


def section_unknown(name: str, known: Iterable[str]) -> str:
    return f"unknown section [{name}]; {_small(instead(name, sorted(known)))}"


def not_toml(text: str, error: ValueError) -> str:
    """Where a file stops being TOML. Its values are not shown: one may be a password."""
    said = str(error)
    place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", said)
    if place is None:
        return f"is not valid TOML: {_small(said)}; mend that."
    why = said[: place.start()]
    if place[1] is None:
        return f"is not valid TOML: {_small(why)} at its end; mend that line."
    key = text.splitlines()[int(place[1]) - 1 :][:1]
    shown = f" ({key[0].partition('=')[0].strip()})" if key and "=" in key[0] else ""
    return (
        f"is not valid TOML in line {place[1]}{shown}: {_small(why)}; mend that line. Text "
        'stands in quotes, such as key = "value".'
    )


def _small(sentence: str) -> str:
    """As it stands after a colon."""
    return sentence[:1].lower() + sentence[1:]
