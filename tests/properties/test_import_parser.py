"""Whatever bytes come as a civil-register file: rows, refusals or one refusal; never a crash."""

from __future__ import annotations

import csv
import io
import json
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from civitas.residents import COLUMNS, as_csv, as_json, residents
from foundation.birth import earliest
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
        assert earliest(profile.birthdate) <= TODAY
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


@given(
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]),
    st.sampled_from(",;\t|"),
    st.booleans(),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(1, 50),
)
@settings(max_examples=100, deadline=None)
def test_whatever_an_office_exports_with_is_read_as_the_same_people(
    encoding, delimiter, hinted, columns, rows, seed
):
    people = list(residents(5, seed))
    text = io.StringIO(newline="")
    if hinted:
        text.write(f"sep={delimiter}\r\n")
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow([name.upper() for name in COLUMNS] + [""] * columns)
    writer.writerows([*person.values()] + [""] * columns for person in people)
    writer.writerows([[" "] * (len(COLUMNS) + columns)] * rows)
    file = read_file(text.getvalue().encode(encoding), "a.csv", TODAY, 1000)
    plain = read_file(as_csv(iter(people)), "a.csv", TODAY, 1000)
    assert [row.profile for row in file.rows] == [row.profile for row in plain.rows]
    assert file.remarks == ()


@given(
    st.dates(date(1900, 1, 1), TODAY),
    st.sampled_from(["day-month", "month-day"]),
    st.sampled_from("/-. "),
    st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_a_date_that_is_accepted_is_the_one_that_was_meant(born, order, mark, told):
    first, second = (born.day, born.month) if order == "day-month" else (born.month, born.day)
    if mark == "." and order == "month-day":
        return  # nobody writes so
    person = {**next(residents(1)), "birthdate": f"{first}{mark}{second:02}{mark}{born.year}"}
    (row,) = read_file(as_json(iter([person])), "a.json", TODAY, 9, order if told else None).rows
    if isinstance(row, RefusedRow):
        assert not told
        assert row.field == "birthdate"
    else:
        assert row.profile.birthdate == born


@given(st.text(max_size=20), st.sampled_from([None, "day-month", "month-day"]))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_date_or_none(text, order):
    person = {**next(residents(1)), "birthdate": text}
    (row,) = read_file(as_json(iter([person])), "a.json", TODAY, 9, order).rows
    assert isinstance(row, RefusedRow) or earliest(row.profile.birthdate) <= TODAY


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
