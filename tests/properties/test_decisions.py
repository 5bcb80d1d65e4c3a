"""No permit that one valid ground, alone, does not explain — over random grounds and questions."""

import dataclasses
from datetime import timedelta

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from policies import Facts, Ground, Permit, Question
from policies.engine import Engine
from policies.loading import packaged
from policies.nomination import nominate
from tests.support.decisions import NOW

CATALOGUE = packaged()
ENGINE = Engine(CATALOGUE, digital_age=16)
SERVICES = st.sampled_from(["svc_a", "svc_b"])
PERSONS = st.sampled_from(["per_a", "per_b"])
PURPOSES = st.sampled_from(["mobility", "mobility.parking", "city", "library"])
CLAIMS = st.sampled_from(["age_over_18", "resident_of_city", "name", "address", "birthdate"])
CLASSES = st.sampled_from(["age", "residence", "residence.address", "identity"])
MOMENTS = st.integers(min_value=-2, max_value=2).map(lambda n: NOW + timedelta(days=n))
BASES = ["contract", "legal-obligation", "public-task", "legitimate-interest"]

GROUNDS = st.builds(
    Ground,
    kind=st.sampled_from(["consent", "consent", "vital-interest", "whim", *BASES]),
    id=st.sampled_from(["g1", "g2", "g3"]),
    state=st.sampled_from(["active", "active", "withdrawn", "expired", "replaced"]),
    service=SERVICES,
    person=PERSONS | st.none(),
    purpose=PURPOSES,
    attributes=st.frozensets(CLAIMS, max_size=4),
    classes=st.frozensets(CLASSES, max_size=2),
    not_before=MOMENTS,
    not_after=MOMENTS,
    explicit=st.booleans(),
    giver=st.sampled_from(["self", "guardian", "mandate", None]),
    authority=st.booleans(),
    uses_left=st.none() | st.integers(min_value=0, max_value=1),
)
QUESTIONS = st.builds(
    Question,
    service=SERVICES,
    person=PERSONS,
    attributes=st.lists(CLAIMS, min_size=1, max_size=3, unique=True).map(tuple),
    purpose=PURPOSES,
    at=st.just(NOW),
    kind=st.sampled_from(["release", "verify"]),
    case=st.sampled_from([None, None, "", "case-1"]),
)
FACTS = st.builds(
    Facts,
    level=st.integers(min_value=1, max_value=4),
    age=st.none() | st.integers(min_value=10, max_value=30),
    alive=st.sampled_from([True, True, False]),
    active=st.sampled_from([True, True, False]),
)


def explains(ground: Ground, asked: Question, facts: Facts) -> bool:
    """The law in plain Python, written without looking at the rules."""
    in_time = ground.not_before <= asked.at < ground.not_after and ground.uses_left != 0
    below = f"{asked.purpose}.".startswith(f"{ground.purpose}.")
    binds = (
        (ground.service, ground.state) == (asked.service, "active")
        and ground.person in (None, asked.person)
        and in_time
        and below
    )
    if ground.kind == "consent":
        allowed = facts.active and _given_rightly(ground, facts)
    elif ground.kind == "vital-interest":
        allowed = bool(asked.case)
    else:
        allowed = facts.active and ground.kind in BASES
    return (
        binds
        and facts.alive
        and allowed
        and all(_claim_allowed(ground, asked, facts, name) for name in asked.attributes)
    )


def _given_rightly(ground: Ground, facts: Facts) -> bool:
    if ground.person is None or ground.giver is None:
        return False
    if ground.giver != "self" and not ground.authority:
        return False
    if facts.age is None:
        return True
    return (ground.giver == "guardian") if facts.age < 16 else (ground.giver != "guardian")


def _claim_allowed(ground: Ground, asked: Question, facts: Facts, name: str) -> bool:
    claim = CATALOGUE.attributes[name]
    kind = CATALOGUE.classes[claim.data_class]
    steps = claim.data_class.split(".")
    above = {".".join(steps[:n]) for n in range(1, len(steps) + 1)}
    emergency = ground.kind == "vital-interest"
    return (
        (name in ground.attributes or bool(above & ground.classes))
        and name in CATALOGUE.purposes[asked.purpose].attributes
        and (asked.kind == "release" or claim.answerable)
        and (emergency or facts.level >= kind.minimum_level)
        and (not emergency or kind.vital)
        and (ground.kind != "consent" or not kind.special or ground.explicit)
    )


@st.composite
def nearly_fitting(draw: st.DrawFn) -> tuple[Question, Facts, Ground]:
    """A question and a ground that fits it in all fields but one, perhaps: what is drawn wholly at
    random seldom comes near a permit."""
    asked = draw(QUESTIONS)
    facts = dataclasses.replace(draw(FACTS), alive=True, active=True)
    child = facts.age is not None and facts.age < 16
    spoilt = draw(GROUNDS)
    fits = dataclasses.replace(
        spoilt,
        kind="consent",
        state="active",
        service=asked.service,
        person=asked.person,
        purpose=asked.purpose,
        attributes=frozenset(asked.attributes),
        classes=frozenset(),
        not_before=NOW,
        not_after=NOW + timedelta(days=1),
        explicit=True,
        giver="guardian" if child else "self",
        authority=True,
        uses_left=None,
    )
    field = draw(st.sampled_from([f.name for f in dataclasses.fields(Ground)]))
    return asked, facts, dataclasses.replace(fits, **{field: getattr(spoilt, field)})


@pytest.mark.row("privacy", "engine")
@settings(max_examples=500, deadline=None)
@given(nearly_fitting())
def test_what_is_wrong_in_one_field_only_is_refused_and_what_fits_is_permitted(
    drawn: tuple[Question, Facts, Ground],
) -> None:
    asked, facts, ground = drawn
    permitted = isinstance(ENGINE.decide(asked, facts, ground), Permit)
    event("permit" if permitted else "deny")
    assert permitted == explains(ground, asked, facts)


@pytest.mark.row("privacy", "engine")
@settings(max_examples=1500, deadline=None)
@given(QUESTIONS, FACTS, st.lists(GROUNDS, max_size=4))
def test_every_permit_is_explained_by_its_one_ground(
    asked: Question, facts: Facts, grounds: list[Ground]
) -> None:
    answer = ENGINE.decide(asked, facts, nominate(asked, grounds, CATALOGUE))
    event(type(answer).__name__)
    if isinstance(answer, Permit):
        assert answer.ground in grounds
        assert explains(answer.ground, asked, facts)


@settings(max_examples=500, deadline=None)
@given(QUESTIONS, FACTS, GROUNDS)
def test_the_rules_agree_with_the_law_on_one_ground_in_both_directions(
    asked: Question, facts: Facts, ground: Ground
) -> None:
    permitted = isinstance(ENGINE.decide(asked, facts, ground), Permit)
    assert permitted == explains(ground, asked, facts)


@settings(max_examples=500, deadline=None)
@given(QUESTIONS, FACTS, GROUNDS, st.lists(GROUNDS, max_size=3))
def test_a_valid_ground_is_found_among_ended_and_foreign_ones(
    asked: Question, facts: Facts, ground: Ground, others: list[Ground]
) -> None:
    fitting = dataclasses.replace(
        ground,
        kind="public-task",
        state="active",
        service=asked.service,
        person=None,
        purpose=asked.purpose,
        attributes=frozenset(asked.attributes),
        not_before=NOW - timedelta(days=1),
        not_after=NOW + timedelta(days=1),
        uses_left=None,
    )
    asked = dataclasses.replace(asked, case=None)
    useless = [o for o in others if o.state != "active" or o.service != asked.service]
    if explains(fitting, asked, facts):
        nominated = nominate(asked, [*useless, fitting], CATALOGUE)
        assert isinstance(ENGINE.decide(asked, facts, nominated), Permit)
