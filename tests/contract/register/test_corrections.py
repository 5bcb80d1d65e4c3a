"""Corrections of a record, and search by name, on both databases — GDPR art. 5(1)(d), 16, 19."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from civitas.residents import as_csv, residents
from foundation.audit import Actor
from foundation.errors import BadRequest, Conflict, Forbidden, Unprocessable
from foundation.runtime import Runtime
from idp.register import AlreadyEnrolled, Register, search
from idp.register.lookup import Lookups
from idp.register.tables import corrections, persons, search_tokens
from tests.support.importing import importer_of

ANNA, BORIS, PRINTER = (Actor("staff", f"stf_{name}") for name in ("anna", "boris", "printer"))
REGISTER, SELF = "civil-register", "self"


@pytest.fixture
def register(any_runtime: Runtime) -> Register:
    return Register(any_runtime)


@pytest.fixture
def people(any_runtime: Runtime, register: Register) -> list[str]:
    importer = importer_of(register)
    rows = [
        {**row, "given_name": given, "family_name": family}
        for row, (given, family) in zip(
            residents(3, 5, city="Tallinn", country="EE"),
            (("Jürgen", "Müller-Łukasz"), ("Mari", "Maasikas"), ("健", "佐藤")),
            strict=True,
        )
    ]
    *_, last = importer.run(as_csv(iter(rows)), "register.csv", PRINTER)
    assert last.accepted == 3
    return importer.persons(last.import_id)


def profile(register: Register, person_id: str):
    with register.runtime.database.read() as uow:
        return register.profile(uow, person_id)


def make(register: Register, person_id: str, source: str = REGISTER, by: Actor = ANNA, **changes):
    after = replace(profile(register, person_id), **changes)
    register.runtime.clock.advance(timedelta(seconds=1))
    with register.runtime.database.write() as uow:
        now = register.runtime.clock.now()
        return register.corrections.make(uow, person_id, after, source, "A slip.", by, now)


def confirm(register: Register, made, by: Actor = BORIS, accept: bool = True):
    register.runtime.clock.advance(timedelta(seconds=1))
    with register.runtime.database.write() as uow:
        now = register.runtime.clock.now()
        return register.corrections.confirm(uow, made.id, by, accept, now)


def kinds(register: Register, person_id: str) -> list[str]:
    return [e.kind for e in reversed(register.runtime.audit.ledger(person_id, limit=100))]


def test_an_address_is_corrected_at_once_and_the_person_reads_it(register, people):
    made = make(register, people[0], SELF, street_address="Pikk 1", email="new@mail.example")
    assert made.state == "done"
    assert profile(register, people[0]).street_address == "Pikk 1"
    assert kinds(register, people[0])[-1] == "register.adjust"
    entry = register.runtime.audit.ledger(people[0], limit=1)[0]
    assert entry.details["changed"] == ["street_address", "email"]
    with register.runtime.database.read() as uow:
        (kept,) = register.corrections.of(uow, people[0])
    assert [c.field for c in kept.changes] == ["street_address", "email"]
    assert kept.reason == "A slip."


@pytest.mark.row("assurance", "EN-5")
@pytest.mark.parametrize("field", ["given_name", "family_name", "civil_number"])
def test_who_somebody_is_needs_two_officers(register, people, field):
    before = profile(register, people[0])
    made = make(register, people[0], **{field: "CORRECTED1"})
    assert made.state == "waiting"
    assert profile(register, people[0]) == before
    with pytest.raises(Forbidden):
        confirm(register, made, by=ANNA)
    assert profile(register, people[0]) == before
    assert confirm(register, made).state == "done"
    assert getattr(profile(register, people[0]), field) == "CORRECTED1"
    with pytest.raises(Conflict):
        confirm(register, made)
    assert kinds(register, people[0])[-2:] == ["register.correction-waiting", "register.adjust"]


def test_a_refused_correction_changes_nothing(register, people):
    made = make(register, people[0], family_name="Mueller")
    assert confirm(register, made, accept=False).state == "refused"
    assert profile(register, people[0]).family_name == "Müller-Łukasz"
    assert kinds(register, people[0])[-1] == "register.correction-refused"


@pytest.mark.row("assurance", "EN-3")
def test_a_number_of_somebody_else_is_refused_at_once_and_at_the_second_look(register, people):
    taken = profile(register, people[1]).civil_number
    with pytest.raises(AlreadyEnrolled):
        make(register, people[0], civil_number=taken)
    first = make(register, people[0], civil_number="T9999999")
    second = make(register, people[1], civil_number="T9999999")
    confirm(register, first)
    with pytest.raises(AlreadyEnrolled):
        confirm(register, second)
    assert profile(register, people[1]).civil_number == taken
    with register.runtime.database.read() as uow:
        vault = register.runtime.vault
        assert search.store.by_civil_number(uow, vault, "T9999999") == people[0]


def test_a_source_counts_for_what_policy_says(register, people):
    with pytest.raises(Unprocessable) as refused:
        make(register, people[0], SELF, family_name="Mueller")
    assert refused.value.where == "source"
    with pytest.raises(Unprocessable, match="Nothing"):
        make(register, people[0])
    after, now = replace(profile(register, people[0]), email="a@b.example"), register.runtime.clock
    with pytest.raises(BadRequest), register.runtime.database.write() as uow:
        register.corrections.make(uow, people[0], after, SELF, " ", ANNA, now.now())


@pytest.mark.row("assurance", "EN-6")
def test_the_level_falls_with_who_somebody_is_and_not_with_where_they_live(register, people):
    with register.runtime.database.write() as uow:
        uow.execute(update(persons).where(persons.c.id == people[0]).values(level=4))
    make(register, people[0], street_address="Pikk 1")
    assert register.known(people[0]).person.level == 4
    confirm(register, make(register, people[0], family_name="Mueller"))
    assert register.known(people[0]).person.level == 2


def test_a_record_that_changed_meanwhile_is_not_overwritten(register, people):
    made = make(register, people[0], family_name="Mueller")
    confirm(register, make(register, people[0], family_name="Muller"))
    with pytest.raises(Conflict):
        confirm(register, made)
    assert profile(register, people[0]).family_name == "Muller"


@pytest.mark.row("failures", "29")
def test_a_proposal_that_was_altered_in_the_database_is_not_there(register, people):
    made = make(register, people[0], family_name="Mueller")
    with register.runtime.database.engine.begin() as raw:
        raw.execute(
            corrections.update().where(corrections.c.id == made.id).values(by_id="stf_boris")
        )
    with pytest.raises(Exception, match="no such correction"):
        confirm(register, made, by=ANNA)


@pytest.mark.row("assurance", "CM-5")
def test_a_letter_is_not_asked_for_by_who_alone_wrote_its_address(register, people):
    make(register, people[0], street_address="Pikk 1")
    now = register.runtime.clock.now()
    with pytest.raises(Forbidden), register.runtime.database.write() as uow:
        register.letters.ask(uow, people[0], ANNA, now)
    with register.runtime.database.write() as uow:
        assert register.letters.ask(uow, people[0], BORIS, now).state == "waiting"


@pytest.mark.row("assurance", "CM-5")
def test_a_letter_that_waits_is_stopped_by_a_new_address_of_one_persons_word(register, people):
    now = register.runtime.clock.now()
    with register.runtime.database.write() as uow:
        register.letters.ask(uow, people[0], BORIS, now)
    make(register, people[0], street_address="Pikk 1")
    with register.runtime.database.read() as uow:
        assert register.letters.newest(uow, people[0]).state == "stopped"


def test_old_values_go_when_their_time_is_over_and_that_it_was_corrected_stays(register, people):
    make(register, people[0], SELF, email="new@mail.example")
    make(register, people[0], street_address="Pikk 1")
    register.runtime.clock.advance(timedelta(days=91))
    register.retention.sweep(register.runtime.clock.now())
    with register.runtime.database.read() as uow:
        (kept,) = register.corrections.of(uow, people[0])
    assert kept.changes[0].new == "Pikk 1"
    assert kinds(register, people[0]).count("register.adjust") == 2


def test_a_person_changes_how_to_reach_them_and_nothing_else(register, people):
    now, before = register.runtime.clock.now(), profile(register, people[0])
    with register.runtime.database.write() as uow:
        made = register.corrections.make_own(
            uow, people[0], replace(before, email="me@mail.example"), now
        )
    assert (made.state, made.by) == ("done", Actor("citizen", people[0]))
    with pytest.raises((Forbidden, Unprocessable)), register.runtime.database.write() as uow:
        register.corrections.make_own(uow, people[0], replace(before, locality="Riga"), now)
    assert profile(register, people[0]).locality == before.locality


def test_what_a_person_says_is_wrong_is_a_task_until_it_is_answered(register, people):
    now = register.runtime.clock.now()
    with register.runtime.database.write() as uow:
        task = register.corrections.ask(uow, people[0], "My name is Jorgen.", now)
    with pytest.raises(Conflict), register.runtime.database.write() as uow:
        register.corrections.ask(uow, people[0], "Again.", now)
    with register.runtime.database.read() as uow:
        (waiting,) = register.corrections.queue(uow)
        assert (waiting.id, waiting.state) == (task, "asked")
        assert register.corrections.find(uow, task).reason == "My name is Jorgen."
    register.runtime.clock.advance(timedelta(seconds=1))
    with register.runtime.database.write() as uow:
        register.corrections.answer(uow, task, ANNA, "Corrected.", now + timedelta(seconds=1))
        assert register.corrections.queue(uow) == []
    assert kinds(register, people[0])[-1] == "register.correction-answered"


# ── search ───────────────────────────────────────────────────────────────────────────


def found(register: Register, name: str, born: str = "", leave_out: str | None = None):
    with register.runtime.database.read() as uow:
        return search.find(uow, register.runtime.vault, name, born, leave_out)


@pytest.mark.parametrize(
    "written",
    ["Jürgen", "jurgen", "JUERGEN", "Jü", "mul", "Lukasz jur", "Müller-Łukasz", "mueller"],
)
def test_a_name_is_found_by_its_beginning_without_accents(register, people, written):
    result = found(register, written)
    assert [one.person_id for one in result.people] == [people[0]]


@pytest.mark.parametrize("written", ["健", "佐", "佐藤", "佐藤 健"])
def test_short_names_of_other_scripts_are_found(register, people, written):
    assert [one.person_id for one in found(register, written).people] == [people[2]]


@pytest.mark.parametrize("written", ["urgen", "Jurgenson", "Mari Müller", "", "-", "x" * 300])
def test_what_begins_no_word_of_a_name_finds_nobody(register, people, written):
    assert found(register, written).number == 0


def test_a_birth_date_alone_or_with_a_name_finds_those_born_then(register, people):
    born = profile(register, people[1]).birthdate.isoformat()
    assert people[1] in [one.person_id for one in found(register, "", born).people]
    assert [one.person_id for one in found(register, "Ma", born[:4]).people] == [people[1]]
    assert found(register, "Mari", "1801").number == 0


def test_a_new_name_is_found_and_the_old_one_is_not(register, people):
    confirm(register, make(register, people[1], family_name="Kask"))
    assert found(register, "Maasikas").number == 0
    assert [one.person_id for one in found(register, "Kask").people] == [people[1]]


def test_nobody_finds_their_own_record_and_too_many_show_nobody(register, people, monkeypatch):
    assert found(register, "Mari", leave_out=people[1]).number == 0
    monkeypatch.setattr(search, "MOST_SHOWN", 0)
    result = found(register, "Mari")
    assert (result.people, result.too_many) == ((), True)


def test_records_of_before_there_was_a_search_are_found_after_a_while(register, people):
    with register.runtime.database.write() as uow:
        uow.execute(search_tokens.delete())
    assert found(register, "Mari").number == 0
    assert search.fill(register.runtime, at_once=2) == 3
    assert [one.person_id for one in found(register, "Mari").people] == [people[1]]


@pytest.mark.row("privacy", "P-4")
def test_who_is_shown_reads_that_somebody_searched_and_why(register, people):
    now = register.runtime.clock.now()
    lookups = Lookups(register.runtime)
    register.runtime.clock.advance(timedelta(seconds=1))
    result = lookups.search_by_name("Mari", "", "request", ANNA, None)
    assert [one.name for one in result.people] == ["Mari Maasikas"]
    entry = register.runtime.audit.ledger(people[1], limit=1)[0]
    assert entry.kind == "register.searched"
    assert entry.details["sentence"] == "To answer something that you asked for"
    assert kinds(register, people[0]).count("register.searched") == 0
    with register.runtime.database.read() as uow:
        assert not lookups.is_open(uow, people[1], ANNA, now)
    with pytest.raises(BadRequest):
        lookups.search_by_name("Mari", "", "curiosity", ANNA, None)


def test_no_word_of_a_name_stands_in_the_tokens(register, people):
    with register.runtime.database.read() as uow:
        values = [row.value for row in uow.all(select(search_tokens.c.value))]
        assert uow.one(select(func.count()).select_from(search_tokens))[0] == len(values)
    assert {len(value) for value in values} == {4}
