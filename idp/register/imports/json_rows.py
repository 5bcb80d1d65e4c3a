"""Rows of a JSON file: an array of objects, or {"persons": […]} — RFC 8259."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from foundation.marking import N_
from idp.register.imports.as_written import field_name
from idp.register.imports.rows import REASONS, Fault, FileRefused, Raw, check_fields


def read(text: str) -> Iterator[Raw]:
    """Each object with its place, from 1; raises FileRefused for what is not such a file."""
    for place, entry in enumerate(_entries(_parsed(text)), start=1):
        if not isinstance(entry, _Object):
            fault = Fault("entry", "is not an object", "Write it between braces.")
            yield Raw(place, (fault,), plain(entry))
            continue
        pairs = [(field_name(name), value) for name, value in entry.pairs]
        written = [[name, plain(value)] for name, value in entry.pairs]
        faults = check_fields(name for name, _ in pairs)
        values = {name: value for name, value in pairs if name != REASONS}
        yield Raw(place, faults or values, {"members": written})


def plain(value: Any) -> Any:
    """A value without the objects of this module in it."""
    if isinstance(value, _Object):
        return {name: plain(inner) for name, inner in value.pairs}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


class _Object:
    """An object whose repeated members are still seen."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.pairs = pairs


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_Object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise FileRefused(
            N_("The file is not valid JSON: %(msg)s.", msg=error.msg),
            where=f"line {error.lineno}",
            next_step="Export it again, or mend that line.",
        ) from None
    except (ValueError, RecursionError):
        raise FileRefused(
            "The file is not JSON that can be read.",
            where="file",
            next_step="Export it again: an array of objects with texts.",
        ) from None


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _entries(value: Any) -> list[Any]:
    if isinstance(value, _Object) and [name for name, _ in value.pairs] == ["persons"]:
        value = value.pairs[0][1]
    if not isinstance(value, list):
        raise FileRefused(
            "The file is neither an array of persons nor an object with the one member persons.",
            where="line 1",
            next_step='Write [{"civil_number": …}, …] or {"persons": […]}.',
        )
    return value
