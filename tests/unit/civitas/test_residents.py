"""Invented residents: many scripts and ages, the same for the same seed, all importable."""

from __future__ import annotations

import unicodedata
from datetime import date

from civitas.residents import as_csv, as_json, residents
from idp.register.imports.reading import read_file
from idp.register.imports.rows import ReadRow

TODAY = date(2026, 3, 2)


def test_a_thousand_residents_import_without_a_refusal():
    for content, name in (
        (as_csv(residents()), "residents.csv"),
        (as_json(residents()), "residents.json"),
    ):
        file = read_file(content, name, TODAY, 200_000)
        assert len(file.rows) == 1000
        assert all(isinstance(row, ReadRow) for row in file.rows)


def test_the_same_seed_invents_the_same_people():
    assert as_csv(residents(50, 3)) == as_csv(residents(50, 3))
    assert as_csv(residents(50, 3)) != as_csv(residents(50, 4))


def test_they_write_many_scripts_and_are_of_every_age_and_some_live_elsewhere():
    people = list(residents())
    names = "".join(p["given_name"] + p["family_name"] for p in people)
    scripts = {unicodedata.name(c).split()[0] for c in names if c.isalpha()}
    assert {"LATIN", "ARABIC", "CJK", "HIRAGANA", "GREEK", "CYRILLIC"} <= scripts
    ages = {TODAY.year - int(p["birthdate"][:4]) for p in people}
    assert min(ages) <= 1
    assert max(ages) >= 99
    outside = sum(p["locality"] != "Civitas" for p in people)
    assert 60 < outside < 200
