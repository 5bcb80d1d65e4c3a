"""The rules and what surrounds them: each reason is told, and nothing slips through."""

import dataclasses
from datetime import timedelta
from typing import Any

import cedarpy
import pytest

from foundation.settings import SettingsError
from policies import Deny, Facts, Permit
from policies.engine import Engine
from policies.loading import packaged
from policies.nomination import nominate
from tests.support.decisions import ADULT, NOW, consent_ground, question

CATALOGUE = packaged()
ENGINE = Engine(CATALOGUE, digital_age=16)
DAY = timedelta(days=1)


def code(question_: Any, ground: Any, facts: Facts = ADULT) -> str:
    answer = ENGINE.decide(question_, facts, ground)
    return answer.code if isinstance(answer, Deny) else "permit"


def test_a_consent_that_fits_in_every_field_permits_and_says_so() -> None:
    answer = ENGINE.decide(question(), ADULT, consent_ground())
    assert isinstance(answer, Permit)
    assert answer.ground.id == "con_1"
    assert answer.obligations == ("keep-at-most:P90D", "only-for:mobility.parking")
    assert answer.rule_digest == ENGINE.digest


REASONS: list[tuple[str, dict[str, Any], dict[str, Any], Facts]] = [
    ("other-service", {"service": "svc_other"}, {}, ADULT),
    ("other-person", {"person": "per_bert"}, {}, ADULT),
    ("withdrawn", {"state": "withdrawn", "withdrawn_at": NOW - DAY}, {}, ADULT),
    ("expired", {"state": "expired"}, {}, ADULT),
    ("expired", {"not_after": NOW}, {}, ADULT),
    ("not-active", {"state": "replaced"}, {}, ADULT),
    ("not-yet", {"not_before": NOW + timedelta(microseconds=1)}, {}, ADULT),
    ("used-up", {"uses_left": 0}, {}, ADULT),
    ("other-purpose", {"purpose": "library"}, {}, ADULT),
    ("not-covered", {"attributes": frozenset({"name"})}, {}, ADULT),
    ("guardian-needed", {}, {}, Facts(level=2, age=15)),
    ("came-of-age", {"giver": "guardian", "authority": True}, {}, Facts(level=2, age=16)),
    ("authority-not-verified", {"giver": "mandate"}, {}, ADULT),
    ("level-too-low", {}, {}, Facts(level=1, age=30)),
    ("not-alive", {}, {}, Facts(level=2, age=30, alive=False)),
    ("identity-not-active", {}, {}, Facts(level=2, age=30, active=False)),
    (
        "purpose-has-no-use",
        {"purpose": "library"},
        {"purpose": "library", "attributes": ("birthdate",), "kind": "release"},
        ADULT,
    ),
    ("yes-or-no-only", {"attributes": frozenset({"name"})}, {"attributes": ("name",)}, ADULT),
    ("unknown-claim", {}, {"attributes": ("shoe_size",)}, ADULT),
    ("unknown-claim", {}, {"attributes": ()}, ADULT),
    ("unknown-purpose", {}, {"purpose": "curiosity"}, ADULT),
    ("other-purpose", {"purpose": "curiosity"}, {}, ADULT),
    ("no-case", {"kind": "vital-interest", "person": None}, {}, ADULT),
    ("not-vital", {"kind": "vital-interest", "person": None}, {"case": "112-7"}, ADULT),
]


@pytest.mark.parametrize(("expected", "ground", "asked", "facts"), REASONS)
def test_each_refusal_has_its_own_reason_and_next_step(
    expected: str, ground: dict[str, Any], asked: dict[str, Any], facts: Facts
) -> None:
    answer = ENGINE.decide(question(**asked), facts, consent_ground(**ground))
    assert isinstance(answer, Deny)
    assert answer.code == expected
    assert answer.reason
    assert "{" not in answer.reason
    assert answer.next_step


def test_a_refusal_says_when_the_consent_was_withdrawn() -> None:
    ground = consent_ground(state="withdrawn", withdrawn_at=NOW - DAY)
    answer = ENGINE.decide(question(), ADULT, ground)
    assert isinstance(answer, Deny)
    assert answer.reason == "The person withdrew this consent on 2026-03-01."
    told = answer.translated(lambda s: s.replace("The person", "Die Person"))
    assert told[0] == "Die Person withdrew this consent on 2026-03-01."


@pytest.mark.row("assurance", "X.1253-9.1-5")
def test_without_a_ground_nothing_is_told_about_the_person() -> None:
    facts = Facts(level=0, age=9, alive=False, active=False)
    assert code(question(), None, facts) == "no-ground"
    assert code(question(person=""), None, facts) == "no-ground"


@pytest.mark.row("privacy", "engine-1")
def test_a_rule_that_fails_refuses_although_cedar_skips_it() -> None:
    # Adding past the largest integer is an error that the schema cannot foresee.
    failing = (
        '@id("not-alive") forbid (principal, action, resource) when '
        "{ context.at + 9223372036854775807 > 0 };"
    )
    allow_all = '@id("consent") permit (principal, action, resource);'
    broken = Engine(CATALOGUE, 16, rules=allow_all + failing)
    answer = broken.decide(question(), ADULT, consent_ground())
    assert isinstance(answer, Deny)
    assert answer.code == "not-decided"


@pytest.mark.row("privacy", "engine-1")
@pytest.mark.parametrize(
    "rules",
    [
        '@id("consent") permit (principal, action, resource) when { resource.colour == 1 };',
        '@id("consent") permit (principal, action, resource) when { context.ground.id == "" };',
        "permit (principal, action, resource);",
        '@id("whim") permit (principal, action, resource);',
        '@id("no-such-reason") forbid (principal, action, resource);',
    ],
)
def test_a_rule_that_the_schema_or_the_tables_do_not_know_stops_the_start(rules: str) -> None:
    with pytest.raises(SettingsError):
        Engine(CATALOGUE, 16, rules=rules)


@pytest.mark.row("privacy", "engine-1")
def test_a_value_that_does_not_fit_the_schema_refuses() -> None:
    assert code(question(), consent_ground(), Facts(level="4", age=30)) == "not-decided"  # type: ignore[arg-type]
    wrong = consent_ground(attributes=frozenset({"age_over_18", "shoe_size"}))
    assert code(question(), wrong) == "permit"  # a claim that is gone harms nobody else


@pytest.mark.row("privacy", "engine-2")
def test_the_rules_verify_every_field_of_a_wrongly_nominated_ground() -> None:
    whole = consent_ground()
    spoiled: dict[str, Any] = {
        "state": "withdrawn",
        "kind": "whim",
        "service": "svc_other",
        "person": "per_bert",
        "purpose": "library",
        "attributes": frozenset({"name"}),
        "not_before": NOW + DAY,
        "not_after": NOW,
        "giver": None,
    }
    for field, wrong in spoiled.items():
        spoilt = dataclasses.replace(whole, **{field: wrong})
        assert code(question(), spoilt) != "permit", field


@pytest.mark.row("privacy", "engine-3")
def test_two_grounds_never_add_up_to_one() -> None:
    both = question(attributes=("age_over_18", "resident_of_city"))
    first = consent_ground(id="con_1", attributes=frozenset({"age_over_18"}))
    second = consent_ground(
        id="con_2", purpose="mobility", attributes=frozenset({"resident_of_city"})
    )
    nominated = nominate(both, [first, second], CATALOGUE)
    assert code(both, nominated) == "not-covered"


@pytest.mark.row("privacy", "engine-4")
def test_an_emergency_needs_a_responder_on_record_and_a_case_and_opens_vital_data_only() -> None:
    base = consent_ground(
        kind="vital-interest",
        id="ambulance",
        service="svc_ambulance",
        person=None,
        giver=None,
        purpose="city",
        attributes=frozenset({"name", "email"}),
    )
    asked = question(
        service="svc_ambulance",
        purpose="city",
        attributes=("name",),
        kind="release",
        case="112-2026-7",
    )
    low = Facts(level=0, age=None)
    assert code(asked, base, low) == "permit"
    assert code(dataclasses.replace(asked, case=None), base, low) == "no-case"
    assert code(dataclasses.replace(asked, case=""), base, low) == "no-case"
    assert code(dataclasses.replace(asked, service="svc_parking"), base, low) == "other-service"
    assert code(dataclasses.replace(asked, attributes=("email",)), base, low) == "not-vital"
    # A case waives no level on another ground.
    claimed = dataclasses.replace(base, kind="public-task")
    assert code(asked, claimed, low) == "level-too-low"


@pytest.mark.row("privacy", "engine-5")
def test_every_reason_has_a_sentence_a_next_step_and_a_rule_or_a_caller() -> None:
    said = {expected for expected, *_ in REASONS}
    said |= {
        "not-shared",
        "document-not-valid",
        "no-ground",
        "not-decided",
        "not-known",
        "special-needs-explicit",
    }
    assert said == set(CATALOGUE.reasons)
    for reason in CATALOGUE.reasons.values():
        assert reason.reason.endswith(".")
        assert reason.next_step.endswith(".")


@pytest.mark.row("privacy", "engine-6")
def test_rules_are_parsed_once_and_not_for_each_question(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[tuple[object, ...]] = []
    real = cedarpy.is_authorized_batch

    def watch(requests: object, *handles: object) -> object:
        handed.append(handles)
        return real(requests, *handles)  # type: ignore[arg-type]

    monkeypatch.setattr(cedarpy, "is_authorized_batch", watch)
    assert code(question(), consent_ground()) == "permit"
    assert [type(h) for h in handed[0]] == [cedarpy.PolicySet, cedarpy.Entities, cedarpy.Schema]


def test_the_middle_of_a_hierarchy_covers_what_lies_below_only() -> None:
    assert code(question(), consent_ground(purpose="mobility")) == "permit"
    above = question(purpose="mobility")
    assert code(above, consent_ground(purpose="mobility.parking")) == "other-purpose"
    by_class = consent_ground(attributes=frozenset(), classes=frozenset({"residence"}))
    asked = question(attributes=("address",), kind="release")
    assert code(asked, by_class) == "permit"
    narrow = consent_ground(attributes=frozenset(), classes=frozenset({"residence.address"}))
    assert code(question(attributes=("resident_of_city",)), narrow) == "not-covered"


@pytest.mark.row("privacy", "G-5")
def test_a_childs_consent_is_a_guardians_whose_right_was_verified() -> None:
    child = Facts(level=2, age=12)
    assert code(question(), consent_ground(giver="guardian", authority=True), child) == "permit"
    unverified = consent_ground(giver="guardian", authority=False)
    assert code(question(), unverified, child) == "authority-not-verified"
    assert code(question(), consent_ground(), child) == "guardian-needed"


def test_special_data_needs_an_express_consent() -> None:
    health = dataclasses.replace(CATALOGUE.classes["age"], special=True)
    special = dataclasses.replace(CATALOGUE, classes={**CATALOGUE.classes, "age": health})
    engine = Engine(special, 16)
    answer = engine.decide(question(), ADULT, consent_ground())
    assert isinstance(answer, Deny)
    assert answer.code == "special-needs-explicit"
    assert isinstance(engine.decide(question(), ADULT, consent_ground(explicit=True)), Permit)


def test_the_rule_digest_changes_with_rules_tables_and_the_digital_age() -> None:
    assert Engine(CATALOGUE, 16).digest == ENGINE.digest
    assert Engine(CATALOGUE, 13).digest != ENGINE.digest
    other = dataclasses.replace(CATALOGUE, digest="0")
    assert Engine(other, 16).digest != ENGINE.digest


def test_nomination_prefers_what_fits_and_else_what_explains() -> None:
    withdrawn = consent_ground(id="old", state="withdrawn", withdrawn_at=NOW)
    fits = consent_ground(id="new")
    assert nominate(question(), [withdrawn, fits], CATALOGUE) is fits
    elsewhere = consent_ground(id="x", purpose="library")
    assert nominate(question(), [elsewhere, withdrawn], CATALOGUE) is withdrawn
    assert nominate(question(), [], CATALOGUE) is None
