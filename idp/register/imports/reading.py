"""Read a civil-register file: encoding, format, size, and who stands in it twice; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from idp.register.imports import csv_rows, json_rows
from idp.register.imports.rows import FileRefused, RawRow, ReadRow, RefusedRow, Row
from idp.register.profile import Profile, WrongField


@dataclass(frozen=True, slots=True)
class RegisterFile:
    """A file that was read. `id` is the hex SHA-256 of its bytes."""

    id: str
    file_format: str
    rows: tuple[Row, ...]


def read_file(content: bytes, file_name: str, today: date, most_rows: int) -> RegisterFile:
    """Read a CSV or JSON file; raises FileRefused with what is wrong, and where."""
    text = _decoded(content)
    file_format = _format(file_name, text)
    raw = csv_rows.read(text) if file_format == "csv" else json_rows.read(text)
    rows = tuple(_checked(_capped(raw, most_rows), today))
    if not rows:
        raise FileRefused(
            "The file holds no persons.",
            where="file",
            next_step="Export it again from the civil register.",
        )
    return RegisterFile(hashlib.sha256(content).hexdigest(), file_format, rows)


def _checked(raw: Iterable[RawRow], today: date) -> Iterator[Row]:
    first_line: dict[str, int] = {}
    for line, values in raw:
        if isinstance(values, RefusedRow):
            yield values
            continue
        try:
            profile = Profile.parse(values, today)
        except WrongField as wrong:
            yield RefusedRow(line, wrong.field, wrong.reason, wrong.what_to_do)
            continue
        before = first_line.setdefault(profile.civil_number, line)
        if before != line:
            yield RefusedRow(
                line,
                "civil_number",
                f"is the same as in line {before}",
                "Keep the row that is right, and remove the other.",
            )
            continue
        yield ReadRow(line, profile)


def _capped(raw: Iterable[RawRow], most_rows: int) -> Iterator[RawRow]:
    for number, row in enumerate(raw):
        if number >= most_rows:
            raise FileRefused(
                f"The file holds more than {most_rows} persons.",
                where=f"line {row[0]}",
                next_step="Split it into smaller files.",
            )
        yield row


def _decoded(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileRefused(
            "The file is not UTF-8 text.",
            where=f"line {line}",
            next_step="Export it again, and choose the encoding UTF-8.",
        ) from None
    if "\0" in text:
        raise FileRefused(
            "The file holds a NUL character.",
            where=f"line {text.count(chr(10), 0, text.index(chr(0))) + 1}",
            next_step="Export it again as plain text.",
        )
    return text


def _format(file_name: str, text: str) -> str:
    suffix = file_name.rpartition(".")[2].lower()
    if suffix in ("csv", "json"):
        return suffix
    return "json" if text.lstrip()[:1] in ("[", "{") else "csv"
