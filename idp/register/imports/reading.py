"""Read a civil-register file: encoding, format, size, and who stands in it twice; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from foundation.marking import N_
from idp.register.imports import csv_rows, deaths, json_rows
from idp.register.imports.as_written import tidied
from idp.register.imports.dates import Order, depends, order_of
from idp.register.imports.encoding import decoded
from idp.register.imports.kinds import refuse_other_kinds
from idp.register.imports.rows import (
    DIED,
    Fault,
    FileRefused,
    Raw,
    ReadRow,
    RefusedRow,
    Remark,
    Row,
)
from idp.register.profile import Profile, WrongField, WrongFields, civil_number


@dataclass(frozen=True, slots=True)
class RegisterFile:
    """A file that was read. `id` is the hex SHA-256 of its bytes."""

    id: str
    file_format: str
    rows: tuple[Row, ...]
    remarks: tuple[Remark, ...] = ()
    form: csv_rows.Form = field(default_factory=csv_rows.Form)


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
    refuse_other_kinds(content)
    text, remarks = decoded(content, encoding)
    file_format = _format(file_name, text)
    form, raw = csv_rows.read(text) if file_format == "csv" else _json(text)
    found = list(_capped(raw, most_rows))
    written = [
        str(row.values.get("birthdate", "")) for row in found if not isinstance(row.values, tuple)
    ]
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
    return RegisterFile(hashlib.sha256(content).hexdigest(), file_format, rows, remarks, form)


def _json(text: str) -> tuple[csv_rows.Form, Iterator[Raw]]:
    return csv_rows.Form(), json_rows.read(text)


def _order_told(order: Order) -> Remark:
    return Remark(
        1,
        "birthdate",
        f"Dates were read as {order}-year, as those of the file show that are clear.",
        "If that is wrong, write year-month-day. [jurisdiction] date_order settles it.",
    )


def _checked(raw: Iterable[Raw], today: date, order: Order | None) -> Iterator[Row]:
    first_line: dict[str, int] = {}
    for row in raw:
        if isinstance(row.values, tuple):
            yield RefusedRow(row.line, row.values, row.written)
            continue
        died = deaths.day_of(row.values.get(DIED), today, order)
        values, dates = tidied({n: v for n, v in row.values.items() if n != DIED}, order)
        try:
            profile, left_out = Profile.read(values, today, dates)
            if died is not None and not isinstance(died, Fault):
                died = deaths.before_birth(died, profile.birthdate) or died
            if isinstance(died, Fault):
                raise WrongFields([WrongField(died.field, died.reason, died.what_to_do)])
        except WrongFields as wrong:
            faults = [Fault(w.field, w.reason, w.what_to_do) for w in wrong.faults]
            before = first_line.get(_number(values), row.line)
            if before != row.line:
                faults.append(_twice(before))
            yield RefusedRow(row.line, tuple(faults), row.written)
            continue
        before = first_line.setdefault(profile.civil_number, row.line)
        if before != row.line:
            yield RefusedRow(row.line, (_twice(before),), row.written)
            continue
        remarks = tuple(_left_out(row.line, wrong) for wrong in left_out)
        given = frozenset(row.values) - {DIED, *(wrong.field for wrong in left_out)}
        yield ReadRow(row.line, profile, remarks, row.written, given, died)


def _number(values: Mapping[str, Any]) -> str:
    """The civil number of a row that is wrong elsewhere; empty where it is wrong itself."""
    try:
        return civil_number(str(values.get("civil_number", "")))
    except WrongField:
        return ""


def _twice(before: int) -> Fault:
    return Fault(
        "civil_number",
        f"is the same as in line {before}",
        "Keep the row that is right, and remove the other.",
    )


def _left_out(line: int, wrong: WrongField) -> Remark:
    return Remark(line, wrong.field, f"{wrong.reason}; it was left out", wrong.what_to_do)


def _capped(raw: Iterable[Raw], most_rows: int) -> Iterator[Raw]:
    for number, row in enumerate(raw):
        if number >= most_rows:
            raise FileRefused(
                N_("The file holds more than %(most_rows)s persons.", most_rows=most_rows),
                where=f"line {row.line}",
                next_step="Split it into smaller files.",
            )
        yield row


def _format(file_name: str, text: str) -> str:
    suffix = file_name.rpartition(".")[2].lower()
    if suffix in ("csv", "json"):
        return suffix
    return "json" if text.lstrip()[:1] in ("[", "{") else "csv"
