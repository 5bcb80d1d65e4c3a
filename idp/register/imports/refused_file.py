"""Refused rows as a file to mend: as they came, each with its reasons — RFC 4180, RFC 8259.

When it comes back, the column `reasons` is not read. It is UTF-8 with the mark by which
spreadsheets know it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from idp.register.csv_files import harmless
from idp.register.imports.as_written import field_name
from idp.register.imports.csv_rows import Form
from idp.register.imports.rows import REASONS, RefusedRow


def to_keep(row: RefusedRow, form: Form) -> bytes:
    """A refused row in full, to be sealed."""
    kept = {"row": row.written, "delimiter": form.delimiter, "header": form.header}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()


def as_file(file_format: str, rows: Iterable[tuple[RefusedRow, bytes]]) -> bytes:
    """The file, of rows and what `to_keep` made of them."""
    kept = [(_reasons(row), json.loads(content)) for row, content in rows]
    return _json(kept) if file_format == "json" else _csv(kept)


def _reasons(row: RefusedRow) -> str:
    return " ".join(f"{f.field} {f.reason}. {f.what_to_do}" for f in row.faults)


def _csv(kept: Sequence[tuple[str, dict[str, Any]]]) -> bytes:
    text = io.StringIO(newline="")
    if kept:
        header = kept[0][1]["header"]
        # Reasons of before are of before: those of a file that was uploaded again.
        old = {place for place, name in enumerate(header) if field_name(name) == REASONS}
        writer = csv.writer(text, delimiter=kept[0][1]["delimiter"])
        writer.writerow([*_without(header, old), REASONS])
        for reasons, row in kept:
            cells = row["row"] + [""] * (len(header) - len(row["row"]))
            writer.writerow([*map(harmless, _without(cells, old)), reasons])
    return text.getvalue().encode("utf-8-sig")


def _without(cells: Sequence[str], places: set[int]) -> list[str]:
    return [cell for place, cell in enumerate(cells) if place not in places]


def _json(kept: Sequence[tuple[str, dict[str, Any]]]) -> bytes:
    objects = []
    for reasons, row in kept:
        if not isinstance(row["row"], dict) or "members" not in row["row"]:
            objects.append(_text(row["row"]))
            continue
        # By hand, so that a member that stands twice still does.
        members = [m for m in row["row"]["members"] if field_name(m[0]) != REASONS]
        written = (
            f"{_text(name)}: {_text(value)}" for name, value in [*members, [REASONS, reasons]]
        )
        objects.append("{" + ", ".join(written) + "}")
    return ("[\n" + ",\n".join(objects) + "\n]\n").encode()


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
