"""Rows of a CSV file with a header, as offices export it — RFC 4180, and what spreadsheets do."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from foundation.marking import N_
from foundation.text import trimmed
from idp.register.imports.as_written import cell, field_name
from idp.register.imports.rows import DIED, REASONS, Fault, FileRefused, Raw, check_fields
from idp.register.profile import FIELDS

# What parts the values: the comma, where nothing speaks for another.
_DELIMITERS = (",", ";", "\t", "|")
# The first line by which a spreadsheet is told.
_HINT = re.compile(r'"?sep=([^"\r\n])"?;*,*(?:\r\n|\n|\r)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Form:
    """How a file parts its values, and the names of its columns as they stand there."""

    delimiter: str = ","
    header: tuple[str, ...] = ()


def read(text: str) -> tuple[Form, Iterator[Raw]]:
    """Each row with the line where it begins; raises FileRefused for what is not CSV."""
    hint = _HINT.match(text)
    delimiter = hint[1] if hint is not None else _delimiter(text)
    lines = _lines(text[hint.end() :] if hint else text, delimiter, 1 if hint else 0)
    header = next(lines, None)
    if header is None:
        return Form(), iter(())
    columns = [field_name(name) for name in header[1]]
    _check_header(columns, header[0])
    form = Form(delimiter, tuple(header[1]))
    return form, (Raw(line, _row(columns, cells), cells) for line, cells in lines)


def _row(columns: list[str], written: list[str]) -> dict[str, str] | tuple[Fault, ...]:
    """Empty values that lack at the end, or that stand in columns without a name, are none."""
    cells = [cell(value) for value in written]
    cells += [""] * (len(columns) - len(cells))
    beyond = [value for value in cells[len(columns) :] if trimmed(value)]
    if beyond:
        return (
            Fault(
                "row",
                f"has {len(cells)} values where the header has {len(columns)}",
                "Put values that hold the separator in quotation marks.",
            ),
        )
    pairs = list(zip(columns, cells, strict=False))
    if any(trimmed(value) for name, value in pairs if not name):
        return (
            Fault(
                "row",
                "has a value in a column that the header does not name",
                "Name the column in the first line, or empty it.",
            ),
        )
    return {name: value for name, value in pairs if name and name != REASONS}


def _delimiter(text: str) -> str:
    """The one that makes most names of fields out of the header."""
    header = next((line for line in text.splitlines() if line.strip()), "")

    def names(delimiter: str) -> int:
        # Not strict: what is wrong in it is told when it is read.
        cells = next(csv.reader([header], delimiter=delimiter), [])
        return sum(field_name(name) in (*FIELDS, DIED) for name in cells)

    return max(_DELIMITERS, key=names)


def _lines(text: str, delimiter: str, before: int) -> Iterator[tuple[int, list[str]]]:
    """Lines that hold anything; `before` is how many stand above the text."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        begins = reader.line_num + 1 + before
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise FileRefused(
                N_("The file is not valid CSV: %(error)s.", error=error),
                where=f"line {begins}",
                next_step="Export it again, or mend that line.",
            ) from None
        if cells is None:
            return
        if any(trimmed(value) for value in cells):
            yield begins, cells


def _check_header(columns: list[str], line: int) -> None:
    named = [name for name in columns if name]
    faults = check_fields(named)
    if not faults:
        return
    if not set(named) & set(FIELDS):
        what_to_do = f"The first line names the columns: {', '.join(FIELDS)}."
        faults = (Fault(faults[0].field, "is no header", what_to_do),)
    raise FileRefused(
        " ".join(f"The column {fault.field} of the header {fault.reason}." for fault in faults),
        where=f"line {line}",
        next_step=" ".join(dict.fromkeys(fault.what_to_do for fault in faults)),
    )
