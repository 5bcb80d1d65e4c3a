"""Whatever bytes come as a civil-register file: rows, refusals or one refusal; never a crash."""

from __future__ import annotations

import csv
import io
import json
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from civitas.residents import COLUMNS, as_csv, as_json, residents
from idp.register import FileRefused, RefusedRow
from idp.register.imports.reading import read_file
from idp.register.imports.rows import ReadRow

TODAY = date(2026, 3, 2)
NAMES = st.sampled_from(["a.csv", "a.json", "a", ""])
WHOLE = [as_csv(residents(3)), as_json(residents(3))]
VALUES = st.one_of(
    st.text(max_size=30), st.none(), st.integers(), st.lists(st.text(max_size=3), max_size=2)
)


def read(content: bytes, name: str) -> None:
    try:
        file = read_file(content, name, TODAY, 1000)
    except FileRefused as refused:
        told = (refused.description, refused.where, refused.next_step)
        if all(told):
            return
        raise
    assert file.rows
    lines = [row.line for row in file.rows]
    assert lines == sorted(set(lines))
    for row in file.rows:
        if isinstance(row, RefusedRow):
            assert row.field
            assert row.reason
            assert row.what_to_do
    accepted = [row.profile for row in file.rows if isinstance(row, ReadRow)]
    assert len({p.civil_number for p in accepted}) == len(accepted)
    for profile in accepted:
        assert profile.birthdate <= TODAY
        assert "\0" not in profile.name


@given(st.binary(max_size=300), NAMES)
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(content, name):
    read(content, name)


@given(st.sampled_from(WHOLE), st.data(), NAMES)
@settings(max_examples=200, deadline=None)
def test_a_damaged_file_is_read_or_refused(content, data, name):
    start = data.draw(st.integers(0, len(content) - 1))
    length = data.draw(st.integers(0, 20))
    junk = data.draw(st.binary(max_size=8))
    read(content[:start] + junk + content[start + length :], name)


@given(st.lists(st.dictionaries(st.sampled_from(COLUMNS), VALUES), min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_any_json_objects_are_read_or_refused_row_by_row(objects):
    read(json.dumps(objects).encode(), "a.json")


@given(st.lists(st.lists(st.text(max_size=20), min_size=12, max_size=12), min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_any_cells_are_read_or_refused_row_by_row(rows):
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    read(text.getvalue().encode("utf-8", "surrogatepass"), "a.csv")
