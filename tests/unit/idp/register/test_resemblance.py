"""Names across scripts, dates and places that two records of one person differ in: pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from foundation.birth import PartialDate
from idp.register import Profile
from idp.register.uniqueness.comparing import REASONS, compare, shipped
from idp.register.uniqueness.keys import of_documents, of_record

RULES = shipped()
BORN = date(1987, 3, 12)
ANNA = Profile("38703120011", "Anna", "Tamm", BORN, "Lai 1-2", "10133", "Tallinn", "", "EE",
               "anna@mail.example", "+3725551234")  # fmt: skip


def record(name: str, born: date | PartialDate = BORN, **more: str) -> Profile:
    given, _, family = name.partition("|")
    return Profile("99999999999", given, family, born, **more)


def is_found(one: Profile, other: Profile) -> bool:
    """Whether a search for the one opens the other, and the two look alike."""
    return (
        bool(of_record(one) & of_record(other)) and compare(one, other, RULES).score >= RULES.hold
    )


ONE_NAME = [
    ("محمد|حسين", "Muhammad|Hussein"),
    ("محمد|حسين", "Mohamed|Husain"),
    ("Muhammad|Hussein", "Mohamed|Husain"),
    ("Мухаммад|Хусейн", "محمد|حسين"),
    ("عبد الرحمن|علي", "Abdulrahman|Ali"),
    ("عبد الرحمن|علي", "Abd al-Rahman|Ali"),
    ("فاطمة|الزهراء", "Fatima|Zahra"),
    ("Елена|Щукина", "Yelena|Shchukina"),
    ("Елена|Щукина", "Elena|Schukina"),
    ("Юсуф|Иванов", "Yousuf|Iwanow"),
    ("Dmitriy|Ivanov", "Dmitry|Ivanoff"),
    ("Сергей Иванович|Петров", "Sergei|Petrov"),
    ("小明|王", "Xiaoming|Wang"),
    ("王小明|", "Xiaoming|Wang"),
    ("अमित|शर्मा", "Amit|Sharma"),
    ("יוסף|כהן", "Yosef|Cohen"),
    ("Μαρία|Παπαδοπούλου", "Maria|Papadopoulou"),
    ("Jürgen|Müller", "Juergen|Mueller"),
    ("Đặng|Nguyễn", "Dang|Nguyen"),
    ("Łukasz|Wiśniewski", "Lukasz|Wisniewski"),
    ("Jon|Smith", "John|Smyth"),
    ("Peter|Schmidt", "Petre|Schmitt"),
    ("Tamm|Anna", "Anna|Tamm"),
    ("Anna|Tamm", "Anna Maria|Tamm-Kask"),
]


@pytest.mark.parametrize(("one", "other"), ONE_NAME, ids=[f"{a} {b}" for a, b in ONE_NAME])
def test_one_person_is_found_across_scripts_spellings_and_orders(one, other):
    assert is_found(record(one), record(other))
    assert is_found(record(other), record(one))


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (date(1987, 12, 3), "born.swapped"),
        (date(1978, 3, 12), "born.slip"),
        (date(1987, 3, 21), "born.slip"),
        (date(1987, 8, 12), "born.slip"),
        (PartialDate(1987), "born.part"),
        (PartialDate(1987, 3), "born.part"),
    ],
)
def test_a_birth_date_written_otherwise_does_not_hide_anybody(other, reason):
    changed = replace(ANNA, civil_number="99999999999", birthdate=other)
    assert reason in compare(ANNA, changed, RULES).reasons
    assert is_found(ANNA, changed)
    alone = record("Anna|Tamm", other)
    assert bool(of_record(ANNA) & of_record(alone))


@pytest.mark.parametrize(
    "other",
    [
        record("Mari|Tamm"),  # a twin
        replace(ANNA, civil_number="38703120022", given_name="Mari"),  # a twin at home
        record("Anna|Kask"),  # born on one day
        record("Anna|Tamm", date(1960, 5, 30)),
        record("Anna|Tamm", PartialDate(1988)),
        record("Peeter|Saar", phone_number=ANNA.phone_number, street_address="Lai 1-2"),
    ],
)
def test_people_who_share_a_part_are_two(other):
    assert not is_found(ANNA, other)


def test_a_name_that_changed_with_a_marriage_is_found_by_what_stayed():
    married = replace(
        ANNA, civil_number="99999999999", family_name="Kask", email="", street_address=""
    )
    assert is_found(ANNA, married)
    assert compare(ANNA, married, RULES).reasons == ("names.given", "born.same", "beside.phone")


def test_a_document_that_both_showed_tells_when_all_names_are_others():
    other = record("Jane|Roe")
    assert compare(ANNA, other, RULES, same_document=True).score >= RULES.hold
    assert of_documents(["K 12-345", ""]) == of_documents(["k12345"]) == {"document K12345"}
    assert of_documents(["12"]) == set()


def test_a_civil_number_with_a_slip_counts():
    slip = replace(ANNA, civil_number="38703120101")
    assert "beside.number" in compare(ANNA, slip, RULES).reasons
    swapped = replace(ANNA, civil_number="38703210011")
    assert "beside.number" in compare(ANNA, swapped, RULES).reasons


def test_nothing_that_is_searched_by_is_one_attribute_alone():
    """Who knows how often each name is there learns nothing from how often a value is."""
    for value in of_record(ANNA):
        kind, *parts = value.split(" ")
        assert kind in ("word", "day", "year", "phone", "email", "place")
        assert len(parts) >= 2
        assert "+" in parts[0] or kind == "word"


def test_who_has_one_name_alone_is_compared_too():
    assert is_found(record("Suharto|"), record("|Suharto"))
    assert not is_found(record("Suharto|"), record("Sukarno|"))


def test_every_reason_has_its_points_and_a_sentence():
    assert set(RULES.points) == set(REASONS)
    assert all(points > 0 for points in RULES.points.values())
