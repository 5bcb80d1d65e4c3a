"""Rows of a CSV file with a header, as offices export it — RFC 4180, and what spreadsheets do."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from foundation.text import trimmed
from idp.register.imports.as_written import cell, field_name
from idp.register.imports.rows import FileRefused, RawRow, RefusedRow, check_fields
from idp.register.profile import FIELDS

# What parts the values: the comma, where nothing speaks for another.
_DELIMITERS = (",", ";", "\t", "|")
# The first line by which a spreadsheet is told.
_HINT = re.compile(r'"?sep=([^"\r\n])"?;*,*(?:\r\n|\n|\r)', re.IGNORECASE)


def read(text: str) -> Iterator[RawRow]:
    """Each row with the line where it begins; raises FileRefused for what is not CSV."""
    hint = _HINT.match(text)
    if hint is not None:
        lines = _lines(text[hint.end() :], hint[1], 1)
    else:
        lines = _lines(text, _delimiter(text), 0)
    header = next(lines, None)
    if header is None:
        return
    columns = [field_name(name) for name in header[1]]
    _check_header(columns, header[0])
    for line, cells in lines:
        yield line, _row(line, columns, cells)


def _row(line: int, columns: list[str], cells: list[str]) -> dict[str, str] | RefusedRow:
    """Empty values that lack at the end, or that stand in columns without a name, are none."""
    cells = [cell(value) for value in cells]
    cells += [""] * (len(columns) - len(cells))
    beyond = [value for value in cells[len(columns) :] if trimmed(value)]
    if beyond:
        return RefusedRow(
            line,
            "row",
            f"has {len(cells)} values where the header has {len(columns)}",
            "Put values that hold the separator in quotation marks.",
        )
    pairs = list(zip(columns, cells, strict=False))
    if any(trimmed(value) for name, value in pairs if not name):
        return RefusedRow(
            line,
            "row",
            "has a value in a column that the header does not name",
            "Name the column in the first line, or empty it.",
        )
    return {name: value for name, value in pairs if name}


def _delimiter(text: str) -> str:
    """The one that makes most names of fields out of the header."""
    header = next((line for line in text.splitlines() if line.strip()), "")

    def names(delimiter: str) -> int:
        # Not strict: what is wrong in it is told when it is read.
        cells = next(csv.reader([header], delimiter=delimiter), [])
        return sum(field_name(name) in FIELDS for name in cells)

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
                f"The file is not valid CSV: {error}.",
                where=f"line {begins}",
                next_step="Export it again, or mend that line.",
            ) from None
        if cells is None:
            return
        if any(trimmed(value) for value in cells):
            yield begins, cells


def _check_header(columns: list[str], line: int) -> None:
    named = [name for name in columns if name]
    wrong = check_fields(named)
    if wrong is None:
        return
    field, reason, what_to_do = wrong
    if not set(named) & set(FIELDS):
        reason, what_to_do = (
            "is no header",
            f"The first line names the columns: {', '.join(FIELDS)}.",
        )
    raise FileRefused(
        f"The column {field} of the header {reason}.", where=f"line {line}", next_step=what_to_do
    )
