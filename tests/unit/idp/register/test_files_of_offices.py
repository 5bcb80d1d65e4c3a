"""Files of the civil register as offices write them; what cannot be read is told, not guessed."""

from __future__ import annotations

import json
from datetime import date

import pytest

from foundation.birth import PartialDate
from idp.register.imports.reading import RegisterFile, read_file
from idp.register.imports.rows import FileRefused, ReadRow, RefusedRow
from idp.register.profile import Profile

TODAY = date(2026, 11, 28)
HEADER = "civil_number,given_name,family_name,birthdate,locality,country"
ADA = "T0000002,Zoë,Müller,1990-05-01,Orléans,FR"


def read(content: bytes | str, name: str = "a.csv", **how: object) -> RegisterFile:
    if isinstance(content, str):
        content = content.encode()
    return read_file(content, name, TODAY, 1000, **how)  # type: ignore[arg-type]


def only(content: bytes | str, **how: object) -> Profile:
    (row,) = read(content, **how).rows
    assert isinstance(row, ReadRow), row
    return row.profile


def born(*dates: str, order: str | None = None) -> list[object]:
    lines = [f"D{n:07},Ada,Blum,{text},Civitas,XX" for n, text in enumerate(dates)]
    rows = read("\n".join([HEADER, *lines]), order=order).rows
    return [r.profile.birthdate if isinstance(r, ReadRow) else r.field for r in rows]


PLAIN = only(f"{HEADER}\n{ADA}\n")


@pytest.mark.parametrize("mark", [";", "\t", "|", ","])
@pytest.mark.parametrize("hint", ["", "sep={}\r\n", '"SEP={}"\n'])
def test_values_are_parted_by_what_the_header_shows_or_the_first_line_says(mark, hint):
    text = f"{hint.format(mark)}{HEADER}\r\n{ADA}\r\n".replace(",", mark)
    assert only(text) == PLAIN


def test_a_line_is_counted_with_the_one_that_names_the_separator():
    (row,) = read(f"sep=,\n\n{HEADER}\nno,Ada,Blum,1990-05-01,Civitas,XX\n").rows
    assert isinstance(row, RefusedRow)
    assert row.line == 4


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_any_encoding_of_unicode_is_read_without_a_word(encoding):
    file = read(f"{HEADER}\r\n{ADA}\r\n".encode(encoding))
    assert file.rows[0].profile == PLAIN  # type: ignore[union-attr]
    assert file.remarks == ()
    entry = dict(zip(HEADER.split(","), ADA.split(","), strict=True))
    assert only(json.dumps([entry], ensure_ascii=False).encode(encoding), name="a.json") == PLAIN


def test_windows_1252_is_read_and_told():
    file = read(f"{HEADER}\n{ADA.replace('Müller', 'O’Müller')}\n".encode("windows-1252"))
    assert file.rows[0].profile.family_name == "O’Müller"  # type: ignore[union-attr]
    assert [(told.field, "windows-1252" in told.reason) for told in file.remarks] == [
        ("file", True)
    ]


@pytest.mark.parametrize(
    "content",
    [
        f"{HEADER}\n{ADA}\n".encode() + b"T1,Ren\xe9,X,1990,Y,FR\n",  # UTF-8 and something else
        f"{HEADER}\nT1,Zoë,Noë,1990,Y,FR\n".encode() + b"T2,Ren\xe9,X,1990,Y,FR\n",
        f"{HEADER}\nT1,佐藤,X,1990,Y,JP\n".encode("shift_jis"),
        f"{HEADER}\nT1,\x81\x8d,X,1990,Y,FR\n".encode("latin-1"),
        f"{HEADER}\n{ADA}\n".encode("utf-16")[:-1],
    ],
)
def test_what_is_of_no_encoding_is_refused_with_its_line(content):
    with pytest.raises(FileRefused) as refusal:
        read(content)
    assert str(refusal.value.where).startswith("line")
    assert "UTF-8" in str(refusal.value.next_step)


def test_the_encoding_of_an_office_can_be_set():
    content = f"{HEADER}\nT0000001,Пётр,Ёлкин,1990,София,BG\n".encode("windows-1251")
    assert only(content, encoding="windows-1251").name == "Пётр Ёлкин"
    content = f"{HEADER},street_address\nT0000001,佐藤,健,1990,町田,JP,１丁目　２\n".encode("cp932")
    assert only(content, encoding="cp932").name == "佐藤 健"


def test_the_header_may_be_in_capitals_with_spaces_in_any_order_and_columns_without_a_name():
    text = f"\ufeff{HEADER.upper().replace('_', ' ')},,\n{ADA},,\n"
    assert only(text) == PLAIN
    entry = dict(zip(HEADER.upper().split(","), ADA.split(","), strict=True))
    assert only(json.dumps({"persons": [entry]}), name="a.json") == PLAIN


def test_empty_rows_and_columns_at_the_end_are_none():
    rows = read(f"\n{HEADER},region\n{ADA}\n,,,,,,\n   , ,\n\n\x1a").rows
    assert [row.profile for row in rows] == [PLAIN]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("header", "row"),
    [(HEADER, f"{ADA},more"), (f"{HEADER},,", f"{ADA},,more"), (HEADER, f",{ADA}")],
)
def test_a_value_beyond_the_header_is_refused_since_values_may_have_moved(header, row):
    (refused,) = read(f"{header}\n{row}\n").rows
    assert isinstance(refused, RefusedRow)
    assert (refused.line, refused.field) == (2, "row")


def test_a_spreadsheets_text_is_the_text():
    row = '"=""00012345""",Zoë,Müller,1990-05-01,Orléans,fr'
    assert only(f"{HEADER}\n{row}\n").civil_number == "00012345"
    assert only(f"{HEADER}\n{row}\n").country == "FR"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1990-05-01", date(1990, 5, 1)),
        ("1990/5/1", date(1990, 5, 1)),
        ("1990.05.01.", date(1990, 5, 1)),
        ("19900501", date(1990, 5, 1)),
        ("1990年5月1日", date(1990, 5, 1)),
        ("１９９０‐０５‐０１", date(1990, 5, 1)),
        ("١٩٩٠-٠٥-٠١", date(1990, 5, 1)),
        ("1990-05-01 00:00:00", date(1990, 5, 1)),
        ("1990-05-01T00:00:00.000Z", date(1990, 5, 1)),
        ("01.05.1990", date(1990, 5, 1)),
        ("1.5.1990", date(1990, 5, 1)),
        ("13/05/1990", date(1990, 5, 13)),
        ("05/13/1990", date(1990, 5, 13)),
        ("13-5-1990", date(1990, 5, 13)),
        ("04/04/1990", date(1990, 4, 4)),
        ("00/00/1990", PartialDate(1990)),
        ("00.07.1990", PartialDate(1990, 7)),
        ("07/1990", PartialDate(1990, 7)),
        ("1990-07-00", PartialDate(1990, 7)),
        ("1990/07", PartialDate(1990, 7)),
        ("1990", PartialDate(1990)),
        ("2004-02-29", date(2004, 2, 29)),
        ("2026-11-28", date(2026, 11, 28)),
    ],
)
def test_a_date_that_can_mean_one_day_only_is_read_however_it_is_written(text, expected):
    assert born(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "01/05/1990",
        "1-5-1990",
        "01/05/90",
        "1990-05-01 22:00:00",
        "1990-05-01T22:00:00Z",
        "31/31/1990",
        "2003-02-29",
        "29.02.1900",
        "33000",
        "0000-05-01",
        "1890-01-01",
        "2026-11-29",
        "May 1990",
        "1/5-1990",
    ],
)
def test_a_date_that_could_be_two_days_or_none_is_refused(text):
    assert born(text) == ["birthdate"]


def test_the_order_of_day_and_month_is_the_jurisdictions_where_the_file_does_not_contradict_it():
    assert born("01/05/1990", order="day-month") == [date(1990, 5, 1)]
    assert born("01/05/1990", order="month-day") == [date(1990, 1, 5)]
    assert born("01/05/1990", "05/13/1990", order="day-month") == ["birthdate", date(1990, 5, 13)]


def test_without_an_order_the_clear_dates_of_the_file_tell_it_and_that_is_said():
    assert born("01/05/1990", "13/05/1990") == [date(1990, 5, 1), date(1990, 5, 13)]
    assert born("01/05/1990", "05/13/1990") == [date(1990, 1, 5), date(1990, 5, 13)]
    both = ["birthdate", date(1990, 5, 13), date(1990, 5, 13)]
    assert born("01/05/1990", "05/13/1990", "13/05/1990") == both
    lines = [f"D000000{n},Ada,Blum,{n + 13}/05/1990,Civitas,XX" for n in (0, 1)]
    assert read("\n".join([HEADER, *lines])).remarks == ()
    file = read("\n".join([HEADER, *lines, "D0000009,Ada,Blum,01/05/1990,Civitas,XX"]))
    assert [(told.line, told.field) for told in file.remarks] == [(1, "birthdate")]


def test_a_fault_in_a_field_that_one_can_do_without_costs_that_field():
    header = f"{HEADER},email,phone_number,locale,region,municipality_code"
    (row,) = read(f"{header}\n{ADA},a@b,555 1234,français,{'x' * 201},45 234\n").rows
    assert isinstance(row, ReadRow)
    assert row.profile == PLAIN
    left_out = ["region", "email", "phone_number", "locale", "municipality_code"]
    assert [told.field for told in row.remarks] == left_out
    assert all(told.what_to_do for told in row.remarks)


def test_contacts_are_read_as_people_write_them():
    header = f"{HEADER},email,phone_number,locale,municipality_code"
    row = f"{ADA},mailto:o'b@example.city,0033 (0)1‑23 45.67/89,pt_BR,2a004"
    profile = only(f"{header}\n{row}\n")
    assert profile.email == "o'b@example.city"
    assert profile.phone_number == "+33123456789"
    assert profile.locale == "pt-BR"
    assert profile.municipality_code == "2A004"
