"""Birth dates that are known in part, 29 February, and where somebody lives: never a wrong no."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from foundation.birth import PartialDate, parse
from foundation.settings import Jurisdiction
from idp.register.claims import age_of, claims_from
from idp.register.profile import Profile, WrongField

TODAY = date(2026, 3, 2)
ROW = {
    "civil_number": "39001012222",
    "given_name": "Anna",
    "family_name": "Tamm",
    "birthdate": "2008-03-02",
    "locality": "Orléans",
    "country": "FR",
}
CITY = Jurisdiction(city="Orléans", country="FR", time_zone="Europe/Paris")


def at(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)


def told(day: str, claim: str, **row: str) -> object:
    profile = Profile.parse({**ROW, **row}, TODAY)
    return claims_from(profile, [claim], CITY, at(day)).get(claim)


@pytest.mark.parametrize(
    ("written", "born", "stored"),
    [
        ("1990", PartialDate(1990), "1990"),
        ("1990-00-00", PartialDate(1990), "1990"),
        ("1990-07", PartialDate(1990, 7), "1990-07"),
        ("1990-07-00", PartialDate(1990, 7), "1990-07"),
        ("1990-07-21", date(1990, 7, 21), "1990-07-21"),
        ("2004-02-29", date(2004, 2, 29), "2004-02-29"),
    ],
)
def test_a_birth_date_is_kept_as_far_as_it_is_known(written, born, stored):
    profile = Profile.parse({**ROW, "birthdate": written}, TODAY)
    assert profile.birthdate == born
    assert profile.birthdate.isoformat() == stored
    assert Profile.from_json(profile.to_json()) == profile


@pytest.mark.parametrize(
    "text", ["0000-05-01", "0000", "1990-13", "1990-00-05", "1900-02-29", "199", "", "1990-7"]
)
def test_a_date_that_cannot_be_or_lacks_its_year_is_refused(text):
    with pytest.raises(ValueError):
        parse(text)
    with pytest.raises(WrongField) as wrong:
        Profile.parse({**ROW, "birthdate": text}, TODAY)
    assert wrong.value.field == "birthdate"


@pytest.mark.parametrize("text", ["2027", "2026-04", "1890", "2026-03-03"])
def test_a_year_in_the_future_or_too_long_ago_is_refused(text):
    with pytest.raises(WrongField, match="lies"):
        Profile.parse({**ROW, "birthdate": text}, TODAY)


@pytest.mark.rfc("oidc-core", "5.1")
def test_the_claim_is_a_whole_date_or_a_year_and_never_more_than_is_known():
    assert told("2026-03-02", "birthdate", birthdate="1990-07-21") == "1990-07-21"
    assert told("2026-03-02", "birthdate", birthdate="1990-07") == "1990"
    assert told("2026-03-02", "birthdate", birthdate="1990") == "1990"


@pytest.mark.parametrize(
    ("born", "day", "answer"),
    [
        ("2008", "2025-12-31", False),
        ("2008", "2026-01-01", None),
        ("2008", "2026-12-30", None),
        ("2008", "2026-12-31", True),
        ("2008-02", "2026-01-31", False),
        ("2008-02", "2026-02-01", None),
        ("2008-02", "2026-02-28", None),
        ("2008-02", "2026-03-01", True),
        ("2008-03-02", "2026-03-01", False),
        ("2008-03-02", "2026-03-02", True),
    ],
)
def test_age_is_a_yes_or_a_no_only_when_it_is_sure(born, day, answer):
    assert told(day, "age_over_18", birthdate=born) is answer


def test_who_may_be_a_child_still_counts_as_one():
    profile = Profile.parse({**ROW, "birthdate": "2010"}, TODAY)
    assert age_of(profile, CITY, at("2026-06-01")) == 15
    assert age_of(profile, CITY, at("2026-12-31")) == 16


@pytest.mark.parametrize(
    ("law", "day", "answer"),
    [
        ("1 March", "2022-02-28", False),
        ("1 March", "2022-03-01", True),
        ("28 February", "2022-02-27", False),
        ("28 February", "2022-02-28", True),
    ],
)
def test_who_was_born_on_29_february_comes_of_age_when_the_law_says(law, day, answer):
    city = CITY.model_copy(update={"leap_day_birthday": law})
    profile = Profile.parse({**ROW, "birthdate": "2004-02-29"}, TODAY)
    assert claims_from(profile, ["age_over_18"], city, at(day)) == {"age_over_18": answer}


@pytest.mark.parametrize("law", ["1 March", "28 February"])
def test_in_a_leap_year_the_birthday_is_29_february_everywhere(law):
    city = CITY.model_copy(update={"leap_day_birthday": law})
    profile = replace(Profile.parse(ROW, TODAY), birthdate=date(2004, 2, 29))
    assert age_of(profile, city, at("2028-02-28")) == 23
    assert age_of(profile, city, at("2028-02-29")) == 24


@pytest.mark.rfc("oidc-core", "5.1")
def test_the_claims_of_a_person_with_one_name_leave_the_other_out():
    profile = Profile.parse({**ROW, "given_name": "", "family_name": "Suharto"}, TODAY)
    asked = ["name", "given_name", "family_name"]
    claims = claims_from(profile, asked, CITY, at("2026-03-02"))
    assert claims == {"name": "Suharto", "family_name": "Suharto"}


# ── residence ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("city", "locality"),
    [
        ("Orléans", "ORLEANS"),
        ("Orléans", "Orle\u0301ans"),
        ("Łódź", "LODZ"),
        ("Tromsø", "Tromsoe"),
        ("Köln", "KOELN"),
        ("Köln", "Koln"),
        ("Århus", "Aarhus"),
        ("İzmir", "IZMIR"),
        ("Diyarbakır", "DIYARBAKIR"),
        ("L’Haÿ-les-Roses", "L HAY LES ROSES"),
        ("Saint-Denis", "saint\u2010denis"),
        ("Straßburg", "STRASSBURG"),
        ("القاهرة", "القَاهِرَة"),
        ("Ærøskøbing", "AEROESKOEBING"),
        ("Đà Nẵng", "Da Nang"),
    ],
)
def test_one_place_is_known_under_all_its_spellings(city, locality):
    here = CITY.model_copy(update={"city": city})
    profile = replace(Profile.parse(ROW, TODAY), locality=locality)
    assert claims_from(profile, ["resident_of_city"], here, at("2026-03-02")) == {
        "resident_of_city": True
    }


@pytest.mark.parametrize("locality", ["ORLÉANS CEDEX 1", "Orléans-la-Source", "Lyon", "दिल्ली", "?"])
def test_a_no_never_comes_from_spelling(locality):
    assert told("2026-03-02", "resident_of_city", locality=locality) is None


def test_vowels_that_a_script_cannot_do_without_tell_places_apart():
    here = CITY.model_copy(update={"city": "दिल्ली"})
    profile = replace(Profile.parse(ROW, TODAY), locality="दलल")
    assert claims_from(profile, ["resident_of_city"], here, at("2026-03-02")) == {}


def test_other_names_of_the_city_are_told_by_the_operator():
    here = CITY.model_copy(update={"city": "Brussel", "city_spellings": ("Bruxelles", "Brussels")})
    profile = replace(Profile.parse(ROW, TODAY), locality="BRUXELLES")
    assert claims_from(profile, ["resident_of_city"], here, at("2026-03-02")) == {
        "resident_of_city": True
    }


@pytest.mark.parametrize(
    ("code", "locality", "answer"),
    [
        ("45234", "Orléans", True),
        ("45234", "ORLÉANS CEDEX 1", True),
        ("69123", "Lyon", False),
        ("69123", "Orléans", False),
    ],
)
def test_where_codes_are_known_they_decide(code, locality, answer):
    here = CITY.model_copy(update={"municipality_code": "45234"})
    row = {**ROW, "municipality_code": code, "locality": locality}
    claims = claims_from(Profile.parse(row, TODAY), ["resident_of_city"], here, at("2026-03-02"))
    assert claims == {"resident_of_city": answer}


@pytest.mark.parametrize(
    ("ours", "theirs", "answer"),
    [("GB", "UK", True), ("GR", "EL", True), ("FR", "BE", False)],
)
def test_another_country_is_a_no_and_another_code_of_one_country_is_not(ours, theirs, answer):
    here = CITY.model_copy(update={"country": ours})
    profile = replace(Profile.parse(ROW, TODAY), country=theirs)
    assert claims_from(profile, ["resident_of_city"], here, at("2026-03-02")) == {
        "resident_of_city": answer
    }
