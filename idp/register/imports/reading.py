"""Read a civil-register file: encoding, format, size, and who stands in it twice; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from idp.register.imports import csv_rows, json_rows
from idp.register.imports.as_written import tidied
from idp.register.imports.dates import Order, depends, order_of
from idp.register.imports.encoding import decoded
from idp.register.imports.rows import FileRefused, RawRow, ReadRow, RefusedRow, Remark, Row
from idp.register.profile import Profile, WrongField


@dataclass(frozen=True, slots=True)
class RegisterFile:
    """A file that was read. `id` is the hex SHA-256 of its bytes."""

    id: str
    file_format: str
    rows: tuple[Row, ...]
    remarks: tuple[Remark, ...] = ()


def read_file(
    content: bytes,
    file_name: str,
    today: date,
    most_rows: int,
    order: Order | None = None,
    encoding: str = "windows-1252",
) -> RegisterFile:
    """Read a CSV or JSON file; raises FileRefused with what is wrong, and where.

    `order`: how the jurisdiction writes day and month; `encoding`: that of a file that is neither
    UTF-8 nor UTF-16.
    """
    text, remarks = decoded(content, encoding)
    file_format = _format(file_name, text)
    raw = csv_rows.read(text) if file_format == "csv" else json_rows.read(text)
    found = list(_capped(raw, most_rows))
    written = [str(v.get("birthdate", "")) for _, v in found if not isinstance(v, RefusedRow)]
    known = order_of(written, order)
    if known is not None and order is None and any(map(depends, written)):
        remarks += (_order_told(known),)
    rows = tuple(_checked(found, today, known))
    if not rows:
        raise FileRefused(
            "The file holds no persons.",
            where="file",
            next_step="Export it again from the civil register, as CSV or JSON in UTF-8.",
        )
    return RegisterFile(hashlib.sha256(content).hexdigest(), file_format, rows, remarks)


def _order_told(order: Order) -> Remark:
    return Remark(
        1,
        "birthdate",
        f"Dates were read as {order}-year, as those of the file show that are clear.",
        "If that is wrong, write year-month-day. [jurisdiction] date_order settles it.",
    )


def _checked(raw: Iterable[RawRow], today: date, order: Order | None) -> Iterator[Row]:
    first_line: dict[str, int] = {}
    for line, values in raw:
        if isinstance(values, RefusedRow):
            yield values
            continue
        try:
            profile, left_out = Profile.read(tidied(values, order), today)
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
        yield ReadRow(line, profile, tuple(_left_out(line, wrong) for wrong in left_out))


def _left_out(line: int, wrong: WrongField) -> Remark:
    return Remark(line, wrong.field, f"{wrong.reason}; it was left out", wrong.what_to_do)


def _capped(raw: Iterable[RawRow], most_rows: int) -> Iterator[RawRow]:
    for number, row in enumerate(raw):
        if number >= most_rows:
            raise FileRefused(
                f"The file holds more than {most_rows} persons.",
                where=f"line {row[0]}",
                next_step="Split it into smaller files.",
            )
        yield row


def _format(file_name: str, text: str) -> str:
    suffix = file_name.rpartition(".")[2].lower()
    if suffix in ("csv", "json"):
        return suffix
    return "json" if text.lstrip()[:1] in ("[", "{") else "csv"
