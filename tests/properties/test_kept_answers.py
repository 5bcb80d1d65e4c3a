"""A kept answer is the one that the rules give now, over random questions, grounds and clocks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from foundation.recent import Recent
from policies import Facts, Ground, Permit, Question
from policies.engine import Engine
from policies.kept_answers import KeptAnswers
from policies.loading import packaged

CATALOGUE = packaged()
ENGINE = Engine(CATALOGUE, digital_age=16)
START = datetime.fromisoformat("2026-03-02T09:00:00+00:00")
STEP = timedelta(microseconds=1)
# Few values of each kind, so that questions meet again; the instants lie side by side.
MOMENTS = st.integers(min_value=-2, max_value=2).map(lambda n: START + n * STEP)
CLAIMS = st.sampled_from(["age_over_18", "resident_of_city", "address"])
KINDS = st.sampled_from(["consent", "consent", "public-task", "vital-interest"])
QUESTIONS = st.builds(
    Question,
    service=st.sampled_from(["svc_a", "svc_b"]),
    person=st.sampled_from(["per_a", "per_b"]),
    attributes=st.lists(CLAIMS, min_size=1, max_size=2, unique=True).map(tuple),
    purpose=st.sampled_from(["mobility.parking", "library", "curiosity"]),
    at=MOMENTS,
    kind=st.sampled_from(["release", "verify"]),
    case=st.sampled_from([None, "case-1", "case-2"]),
)
FACTS = st.builds(
    Facts,
    level=st.sampled_from([1, 2, 3]),
    age=st.sampled_from([None, 15, 16]),
    alive=st.sampled_from([True, True, False]),
    active=st.sampled_from([True, True, False]),
)
GROUNDS = st.builds(
    Ground,
    kind=KINDS,
    id=st.sampled_from(["g1", "g2"]),
    state=st.sampled_from(["active", "active", "withdrawn"]),
    service=st.sampled_from(["svc_a", "svc_b"]),
    person=st.sampled_from(["per_a", "per_b", None]),
    purpose=st.sampled_from(["mobility", "mobility.parking", "library", "gone"]),
    attributes=st.frozensets(CLAIMS),
    classes=st.sampled_from([frozenset(), frozenset({"residence"})]),
    not_before=MOMENTS,
    not_after=MOMENTS,
    explicit=st.booleans(),
    giver=st.sampled_from(["self", "guardian", None]),
    authority=st.booleans(),
    uses_left=st.sampled_from([None, 0, 1]),
    withdrawn_at=st.sampled_from([None, START - timedelta(days=1), START - timedelta(days=2)]),
)
VALUES = {Question: QUESTIONS, Facts: FACTS, Ground: GROUNDS}


@st.composite
def fitting(draw: st.DrawFn) -> tuple[Question, Facts, Ground | None]:
    """Mostly what is near a permit: what is drawn wholly at random is refused for ten reasons."""
    question, facts, ground = draw(QUESTIONS), draw(FACTS), draw(st.none() | GROUNDS)
    if ground is None or draw(st.booleans()):
        return question, facts, ground
    question = dataclasses.replace(
        question, purpose="mobility.parking", attributes=question.attributes[:1], at=START
    )
    facts = dataclasses.replace(facts, level=3, age=16, alive=True, active=True)
    return question, facts, _for(question, ground)


def _for(question: Question, ground: Ground) -> Ground:
    return dataclasses.replace(
        ground,
        kind="consent",
        state="active",
        service=question.service,
        person=question.person,
        purpose=question.purpose,
        attributes=frozenset(question.attributes),
        giver="self",
        not_before=START - STEP,
        not_after=START + STEP,
        explicit=True,
        uses_left=None,
    )


Asked = tuple[Question, Facts, Ground | None]


@st.composite
def walks(draw: st.DrawFn) -> list[Asked]:
    """Questions one after the other, each the one before but for one member, or the same later."""
    asked = [draw(fitting())]
    for _ in range(draw(st.integers(min_value=3, max_value=12))):
        parts: list[Any] = list(draw(st.sampled_from(asked)))
        place = draw(st.sampled_from([0, 1, 2]))
        part = parts[place]
        if part is None:
            parts[place] = draw(GROUNDS)
        else:
            name = draw(st.sampled_from([f.name for f in dataclasses.fields(part)] + ["at"] * 3))
            if name == "at":
                parts[0] = dataclasses.replace(parts[0], at=draw(MOMENTS))
            else:
                other = getattr(draw(VALUES[type(part)]), name)
                parts[place] = dataclasses.replace(part, **{name: other})
        asked.append((parts[0], parts[1], parts[2]))
    return asked


@pytest.mark.row("privacy", "engine")
@settings(max_examples=250, deadline=None)
@given(walks(), st.sampled_from([1, 2, 4096]))
def test_a_kept_answer_is_the_one_that_the_rules_give_now(walk: list[Asked], most: int) -> None:
    kept = KeptAnswers(ENGINE, most)
    for question, facts, ground in walk:
        fresh = ENGINE.decide(question, facts, ground)
        event(type(fresh).__name__)
        assert kept.decide(question, facts, ground) == fresh
        assert len(_answers(kept)) <= most


def _answers(kept: KeptAnswers) -> Recent[Any, Any]:
    return kept._answers


# ── each member of what an answer is found by ────────────────────────────────────────────

ASKED = Question("svc_a", "per_a", ("age_over_18",), "mobility.parking", START, "verify")
ADULT = Facts(level=2, age=30)
CONSENT = Ground(
    kind="consent",
    id="con_1",
    state="active",
    service="svc_a",
    person="per_a",
    purpose="mobility",
    attributes=frozenset({"age_over_18", "name"}),
    classes=frozenset(),
    not_before=START,
    not_after=START + 2 * STEP,
    giver="self",
)
OTHERWISE: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("service", {"service": "svc_b"}, {}, {}),
    ("person", {"person": "per_b"}, {}, {}),
    ("attributes", {"attributes": ("resident_of_city",)}, {}, {}),
    ("purpose", {"purpose": "library"}, {}, {}),
    ("at: not yet", {"at": START - STEP}, {}, {}),
    ("at: over", {"at": START + 2 * STEP}, {}, {}),
    ("level", {}, {"level": 0}, {}),
    ("age", {}, {"age": 15}, {}),
    ("alive", {}, {"alive": False}, {}),
    ("active", {}, {"active": False}, {}),
    *((f"ground.{f.name}", {}, {}, {f.name: other}) for f, other in zip(
        dataclasses.fields(Ground),
        ("public-task", "con_2", "withdrawn", "svc_b", "per_b", "library", frozenset({"name"}),
         frozenset({"age"}), START + STEP, START + STEP, True, None, True, 0, START),
        strict=True,
    )),
]  # fmt: skip


@pytest.mark.row("privacy", "engine")
@pytest.mark.row("privacy", "G-4")
@pytest.mark.parametrize(
    ("what", "asked", "facts", "ground"), OTHERWISE, ids=[each[0] for each in OTHERWISE]
)
def test_nothing_that_the_rules_saw_may_be_otherwise_where_an_answer_is_kept(
    what: str, asked: dict[str, Any], facts: dict[str, Any], ground: dict[str, Any]
) -> None:
    kept, change = KeptAnswers(ENGINE), dataclasses.replace
    assert isinstance(kept.decide(ASKED, ADULT, CONSENT), Permit)
    other = (change(ASKED, **asked), change(ADULT, **facts), change(CONSENT, **ground))
    fresh = ENGINE.decide(*other)
    assert fresh != ENGINE.decide(ASKED, ADULT, CONSENT), what
    assert kept.decide(*other) == fresh


@pytest.mark.row("privacy", "engine-4")
@pytest.mark.parametrize("other", [{"case": None}, {"case": ""}, {"kind": "verify"}])
def test_an_emergency_says_nothing_of_one_without_a_case_and_nothing_of_a_question(
    other: dict[str, Any],
) -> None:
    kept, change = KeptAnswers(ENGINE), dataclasses.replace
    urgent = change(ASKED, attributes=("name",), purpose="city", kind="release", case="112-7")
    ground = change(CONSENT, kind="vital-interest", person=None, giver=None, purpose="city")
    assert isinstance(kept.decide(urgent, ADULT, ground), Permit)
    fresh = ENGINE.decide(change(urgent, **other), ADULT, ground)
    assert not isinstance(fresh, Permit)
    assert kept.decide(change(urgent, **other), ADULT, ground) == fresh


# ── what the rules ask of the clock ──────────────────────────────────────────────────────


def _counting(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[Question]:
    asked: list[Question] = []
    decide: Callable[..., Any] = engine.decide

    def counted(question: Question, *more: Any) -> Any:
        asked.append(question)
        return decide(question, *more)

    monkeypatch.setattr(engine, "decide", counted)
    return asked


def test_between_the_two_instants_of_its_ground_a_question_is_asked_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = Engine(CATALOGUE, 16)
    asked, kept = _counting(engine, monkeypatch), KeptAnswers(engine)
    for n in range(-3, 5):
        kept.decide(dataclasses.replace(ASKED, at=START + n * STEP), ADULT, CONSENT)
    assert [question.at for question in asked] == [START - 3 * STEP, START, START + 2 * STEP]


ALLOW = (
    '@id("basis-on-record") permit (principal, action, resource)'
    " when {{ context has ground && {} }};"
)


@pytest.mark.row("privacy", "engine")
@pytest.mark.parametrize(
    ("condition", "sides_only"),
    [
        ("context.ground.notBefore <= context.at && context.at < context.ground.notAfter", True),
        (
            "context.at >= context.ground.notBefore && !(context.at >= context.ground.notAfter)",
            True,
        ),
        ("context.level > 1", True),
        ("context.ground.notBefore < context.at", False),
        ("context.at <= context.ground.notAfter", False),
        ("context.at > 1000000", False),
        ("context.at == context.ground.notBefore", False),
        ("context.ground.notAfter - context.at > 1000000", False),
        ("[context.at].contains(1000000)", False),
        ("context == context", False),
    ],
)
def test_answers_are_kept_while_the_rules_ask_nothing_else_of_the_clock(
    condition: str, sides_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(CATALOGUE, 16, rules=ALLOW.format(condition))
    asked, kept = _counting(engine, monkeypatch), KeptAnswers(engine)
    for _ in range(3):
        kept.decide(ASKED, ADULT, CONSENT)
    assert len(asked) == (1 if sides_only else 3)
    assert engine.asks_for_sides_only is sides_only


def test_what_could_not_be_decided_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(CATALOGUE, 16)
    asked, kept = _counting(engine, monkeypatch), KeptAnswers(engine)
    changes: Any = {"level": "two"}
    broken = dataclasses.replace(ADULT, **changes)
    for _ in range(2):
        kept.decide(ASKED, broken, CONSENT)
    assert len(asked) == 2


def test_our_own_rules_let_their_answers_be_kept() -> None:
    assert ENGINE.asks_for_sides_only
