"""The table of ISO/IEC 24760-1, the profile and the proofing rule: pure."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from foundation.settings import Jurisdiction
from idp.register import Evidence, Findings, Profile, TransitionRefused, WrongField
from idp.register.claims import age_of, claims_from
from idp.register.evidence import assess
from idp.register.life import TRANSITIONS, Guard, State, open_steps, step
from idp.register.proofing_policy import shipped

POLICY = shipped().published("2026-01", date(2026, 3, 2))
CITY = Jurisdiction(city="Tallinn", country="EE", time_zone="Europe/Tallinn")
TODAY = date(2026, 3, 2)
ROW = {
    "civil_number": "390-0101 2222",
    "given_name": "Jüri",
    "family_name": "Kõiv",
    "birthdate": "2008-03-02",
    "street_address": "Lai 1",
    "postal_code": "10133",
    "locality": "tallinn ",
    "country": "EE",
}


@pytest.mark.parametrize("row", TRANSITIONS, ids=lambda r: r.name)
def test_each_row_of_the_table_is_taken_when_its_guards_hold_and_only_then(row):
    for source in State:
        if source in row.sources:
            assert step(source, row.name, row.guards) is row.target
            for missing in row.guards:
                with pytest.raises(TransitionRefused, match=missing):
                    step(source, row.name, row.guards - {missing})
        else:
            with pytest.raises(TransitionRefused):
                step(source, row.name, set(Guard))


def test_nothing_but_activation_and_reactivation_leads_to_active():
    into_active = {r.name for r in TRANSITIONS if r.target is State.ACTIVE}
    assert into_active == {"activate", "reactivate", "adjust", "recover"}
    assert open_steps(State.ARCHIVED) == ("restore", "delete")


def test_an_unknown_step_is_refused():
    with pytest.raises(TransitionRefused):
        step(State.ACTIVE, "promote", set(Guard))


def piece(kind: str, source: str, method: str = "presented-in-person", **more: bool) -> Evidence:
    return Evidence(kind, source, method, "", **{"possessed": True, "valid": True, **more})


PASSPORT = piece("passport", "passport-authority")
EXTRACT = piece("register-extract", "civil-register", "register-query")
BANK = piece("bank-statement", "bank", "register-query")
TAX = piece("tax-assessment", "tax-authority", "register-query")
REMOTE = piece("passport", "passport-authority", "presented-remotely")


@pytest.mark.parametrize(
    ("level", "evidence", "contact", "result"),
    [
        (1, (piece("statement", "self", possessed=False, valid=False),), False, "accepted"),
        (1, (), False, "refused"),
        (2, (PASSPORT,), False, "accepted"),
        (2, (REMOTE,), False, "accepted"),
        (2, (BANK,), False, "refused"),
        (2, (piece("passport", "bank"),), False, "refused"),
        (2, (piece("amulet", "civil-register"),), False, "refused"),
        (2, (piece("passport", "passport-authority", "telepathy"),), False, "refused"),
        (2, (piece("passport", "passport-authority", valid=False),), False, "refused"),
        (2, (piece("passport", "passport-authority", possessed=False),), False, "refused"),
        (3, (PASSPORT, BANK), True, "awaiting-second-officer"),
        (3, (PASSPORT, EXTRACT), True, "awaiting-second-officer"),
        (3, (PASSPORT, BANK), False, "refused"),
        (3, (PASSPORT,), True, "refused"),
        (3, (PASSPORT, PASSPORT), True, "refused"),
        (3, (PASSPORT, piece("statement", "self")), True, "refused"),
        (4, (PASSPORT, EXTRACT, BANK), True, "awaiting-second-officer"),
        (4, (PASSPORT, EXTRACT), True, "refused"),
        (4, (PASSPORT, BANK), True, "refused"),
        (4, (PASSPORT, EXTRACT, BANK), False, "refused"),
        (5, (PASSPORT,), True, "refused"),
        (0, (PASSPORT,), True, "refused"),
    ],
)
@pytest.mark.row("assurance", "EN-4")
def test_the_policy_decides_what_evidence_reaches_a_level(level, evidence, contact, result):
    verdict = assess(POLICY, Findings(level, evidence, contact))
    assert verdict.result == result
    assert bool(verdict.missing) == (result == "refused")


@pytest.mark.row("assurance", "EN-5")
@pytest.mark.parametrize(
    ("evidence", "contact", "sentence"),
    [
        ((PASSPORT,), True, "1 more sources that corroborate"),
        ((PASSPORT, PASSPORT), True, "1 more sources that corroborate"),
        ((PASSPORT, piece("statement", "self")), True, "1 more sources that corroborate"),
        ((PASSPORT, BANK), False, "must have answered"),
    ],
)
def test_level_3_needs_a_second_source_and_contact_data_that_was_exercised(
    evidence, contact, sentence
):
    verdict = assess(POLICY, Findings(3, evidence, contact))
    assert verdict.result == "refused"
    assert sentence in " ".join(verdict.missing)
    # With both it still is not one officer's word.
    assert assess(POLICY, Findings(3, (PASSPORT, BANK), True)).result == "awaiting-second-officer"


@pytest.mark.row("assurance", "EN-6")
def test_level_4_needs_two_authoritative_sources_however_many_others_corroborate():
    everybody_else = Findings(4, (PASSPORT, BANK, TAX), True)
    verdict = assess(POLICY, everybody_else)
    assert verdict.result == "refused"
    assert verdict.missing == ("The policy asks for 2 authoritative sources; 1 are confirmed.",)
    two = Findings(4, (PASSPORT, EXTRACT, TAX), True)
    assert assess(POLICY, two).result == "awaiting-second-officer"


@pytest.mark.row("assurance", "EN-7")
def test_a_remote_session_never_reaches_level_4():
    verdict = assess(POLICY, Findings(4, (REMOTE, EXTRACT, BANK), True))
    assert verdict.result == "refused"
    assert "must be present" in verdict.missing[0]


def test_a_profile_is_read_in_one_normal_form_and_survives_storage():
    profile = Profile.parse(ROW, TODAY)
    assert profile.civil_number == "39001012222"
    assert profile.locality == "tallinn"
    assert Profile.from_json(profile.to_json()) == profile


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("birthdate", "2008-2-3"),
        ("birthdate", "20080302"),
        ("birthdate", "2008-W10-1"),
        ("birthdate", "٢٠٠٨-٠٣-٠٢"),
        ("birthdate", "1890-01-01"),
        ("birthdate", "2026-03-03"),
        ("civil_number", "ÄÖ12345"),
        ("civil_number", "1" * 33),
        ("country", "ee"),
        ("locale", "EN_us"),
        ("email", "a@b@c.d"),
        ("phone_number", "5551234"),
        ("given_name", "A\u0007"),
        ("given_name", "x" * 201),
        ("given_name", 3),
    ],
)
def test_a_wrong_value_is_named_with_what_to_do(field, value):
    with pytest.raises(WrongField) as wrong:
        Profile.parse({**ROW, field: value}, TODAY)
    assert wrong.value.field == field
    assert wrong.value.what_to_do


def test_one_comes_of_age_by_the_calendar_of_the_jurisdiction():
    profile = Profile.parse(ROW, TODAY)
    eve = datetime(2026, 3, 1, 21, 59, tzinfo=UTC)
    midnight_in_tallinn = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)
    assert age_of(profile, CITY, eve) == 17
    assert age_of(profile, CITY, midnight_in_tallinn) == 18
    assert ZoneInfo("Europe/Tallinn") == CITY.zone
    assert claims_from(profile, ["age_over_18"], CITY, eve) == {"age_over_18": False}
    assert claims_from(profile, ["age_over_18"], CITY, midnight_in_tallinn) == {"age_over_18": True}


@pytest.mark.parametrize(
    ("locality", "country", "lives_here"),
    [("TALLINN", "EE", True), ("Tallinn", "US", False)],
)
def test_a_resident_is_known_by_city_and_country(locality, country, lives_here):
    profile = Profile.parse({**ROW, "locality": locality, "country": country}, TODAY)
    now = datetime(2026, 3, 2, tzinfo=UTC)
    assert claims_from(profile, ["resident_of_city"], CITY, now) == {"resident_of_city": lives_here}


def test_claims_that_are_not_known_or_not_asked_are_absent():
    profile = Profile.parse(ROW, TODAY)
    now = datetime(2026, 3, 2, tzinfo=UTC)
    asked = ["name", "email", "address", "civil_number", "level"]
    claims = claims_from(profile, asked, CITY, now)
    assert set(claims) == {"name", "address"}
    assert claims["address"]["formatted"] == "Lai 1\n10133 tallinn\nEE"
    assert claims["address"]["street_address"] == "Lai 1"
    assert "region" not in claims["address"]
