"""Rows of a CSV file with a header — RFC 4180."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from idp.register.imports.rows import FileRefused, RawRow, RefusedRow, check_fields
from idp.register.profile import FIELDS


def read(text: str) -> Iterator[RawRow]:
    """Each row with the line where it begins; raises FileRefused for what is not CSV."""
    lines = _lines(text)
    header = next(lines, None)
    if header is None:
        return
    columns = [name.strip() for name in header[1]]
    _check_header(columns)
    for line, cells in lines:
        if len(cells) == len(columns):
            yield line, dict(zip(columns, cells, strict=True))
        else:
            yield (
                line,
                RefusedRow(
                    line,
                    "row",
                    f"has {len(cells)} values where the header has {len(columns)}",
                    "Put values that hold a comma in quotation marks.",
                ),
            )


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        begins = reader.line_num + 1
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
        if cells:
            yield begins, cells


def _check_header(columns: list[str]) -> None:
    wrong = check_fields(columns)
    if wrong is None:
        return
    field, reason, what_to_do = wrong
    if len(columns) == 1 and any(mark in columns[0] for mark in ";\t|"):
        reason, what_to_do = "is not separated by commas", "Export it with commas."
    elif not set(columns) & set(FIELDS):
        reason, what_to_do = (
            "is no header",
            f"The first line names the columns: {', '.join(FIELDS)}.",
        )
    raise FileRefused(
        f"The column {field} of the header {reason}.", where="line 1", next_step=what_to_do
    )
