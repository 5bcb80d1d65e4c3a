"""A file that also changes records: foreseen, done by the rules of corrections, once."""

from __future__ import annotations

import csv
import io

import pytest
from sqlalchemy import func, select

from civitas.residents import as_csv, as_json, residents
from foundation.audit import Actor
from foundation.errors import Forbidden
from foundation.runtime import Runtime
from idp.register import Evidence, Findings, IdentityLife, Importer, Register, store
from idp.register.subject import Subject
from idp.register.tables import corrections, import_rows, imports
from tests.support.importing import importer_of

ANNA, BORIS = Actor("staff", "stf_anna"), Actor("staff", "stf_boris")
FIRST = list(residents(4, 3, city="Tallinn", country="EE"))
NEXT = list(residents(5, 3, city="Tallinn", country="EE"))
FILE = [
    FIRST[0],
    {**FIRST[1], "street_address": "Pikk 1", "postal_code": ""},
    {**FIRST[2], "family_name": "Corrected", "locality": "Tartu", "email": "other@mail.example"},
    {**FIRST[3], "birthdate": "yesterday"},
    {**NEXT[4], "civil_number": "T7654321"},
]


@pytest.fixture
def register(any_runtime: Runtime) -> Register:
    return Register(any_runtime)


@pytest.fixture
def importer(any_runtime: Runtime, register: Register) -> Importer:
    made = importer_of(register)
    list(made.run(as_csv(iter(FIRST)), "first.csv", ANNA))
    return made


def profile(register: Register, number: str):
    with register.runtime.database.read() as uow:
        person_id = store.by_civil_number(uow, register.runtime.vault, number)
        assert person_id is not None
        return register.profile(uow, person_id)


def number_of(register: Register, table) -> int:
    with register.runtime.database.read() as uow:
        return uow.one(select(func.count()).select_from(table))[0]


def outcomes(rows) -> list[str]:
    return [getattr(row, "outcome", "refused") for row in rows]


def test_a_try_says_what_would_happen_and_does_nothing(register, importer):
    before = [number_of(register, t) for t in (imports, import_rows, corrections)]
    rows = list(importer.foresee(as_csv(iter(FILE)), "next.csv", ANNA, updates=True))
    assert outcomes(rows) == ["unchanged", "changed", "waiting", "refused", "enrolled"]
    assert {(c.field, c.new) for c in rows[1].changes} == {
        ("street_address", "Pikk 1"),
        ("postal_code", ""),
    }
    assert [c.field for c in rows[2].later] == ["family_name"]
    assert [c.field for c in rows[2].now] == ["locality"]
    without = list(importer.foresee(as_csv(iter(FILE)), "next.csv", ANNA))
    assert outcomes(without) == ["refused"] * 4 + ["enrolled"]
    assert [number_of(register, t) for t in (imports, import_rows, corrections)] == before


@pytest.mark.row("assurance", "EN-5")
def test_a_row_changes_a_record_and_a_name_waits_for_a_second_officer(register, importer):
    *_, last = importer.run(as_csv(iter(FILE)), "next.csv", ANNA, updates=True)
    report = importer.report(last.import_id)
    counts = (report.enrolled, report.changed, report.waiting, report.unchanged, report.refused)
    assert counts == (1, 1, 1, 1, 1)
    moved = profile(register, FIRST[1]["civil_number"])
    assert (moved.street_address, moved.postal_code) == ("Pikk 1", "")
    named = profile(register, FIRST[2]["civil_number"])
    assert (named.family_name, named.locality) == (FIRST[2]["family_name"], "Tartu")
    with register.runtime.database.read() as uow:
        (waiting,) = register.corrections.queue(uow)
    now = register.runtime.clock.now()
    with pytest.raises(Forbidden), register.runtime.database.write() as uow:
        register.corrections.confirm(uow, waiting.id, ANNA, True, now)
    with register.runtime.database.write() as uow:
        register.corrections.confirm(uow, waiting.id, BORIS, True, now)
    assert profile(register, FIRST[2]["civil_number"]).family_name == "Corrected"
    assert len(importer.persons(last.import_id)) == 1


def test_how_to_reach_somebody_is_no_files_to_change_and_that_is_told(register, importer):
    *_, last = importer.run(as_csv(iter(FILE)), "next.csv", ANNA, updates=True)
    assert profile(register, FIRST[2]["civil_number"]).email == FIRST[2]["email"]
    assert [(told.line, told.field) for told in importer.remarks(last.import_id)] == [(4, "email")]


def test_a_column_that_the_file_lacks_changes_nothing(register, importer):
    names = ("civil_number", "given_name", "family_name", "birthdate", "locality", "country")
    rows = [{name: FIRST[0][name] for name in names}]
    assert outcomes(importer.foresee(as_json(iter(rows)), "x.json", ANNA, updates=True)) == [
        "unchanged"
    ]


def test_the_same_file_twice_changes_each_record_once(register, importer):
    for _ in range(2):
        list(importer.run(as_csv(iter(FILE)), "next.csv", ANNA, updates=True))
    list(importer.run(as_json(iter(FILE)), "next.json", ANNA, updates=True))
    assert number_of(register, corrections) == 3


def test_an_upload_waits_until_it_is_started_by_who_sent_it(register, importer):
    import_id = importer.keep(as_csv(iter(FILE)), "next.csv", ANNA)
    register.runtime.jobs.run_once()
    assert importer.report(import_id).done == 0
    with pytest.raises(Forbidden):
        importer.start(import_id, BORIS)
    with pytest.raises(Forbidden):
        importer.foresee_kept(import_id, BORIS)
    assert len(importer.foresee_kept(import_id, ANNA)) == 5
    importer.start(import_id, ANNA)
    importer.start(import_id, ANNA)
    register.runtime.jobs.run_once()
    report = importer.report(import_id)
    assert (report.done, report.updates, report.finished_at is not None) == (5, True, True)


def test_nobodys_record_is_changed_by_their_own_import(register, importer, monkeypatch):
    with register.runtime.database.read() as uow:
        own = store.by_civil_number(uow, register.runtime.vault, FIRST[1]["civil_number"])
    monkeypatch.setattr(type(register.staff), "own_person", lambda *_: own)
    rows = list(importer.foresee(as_csv(iter(FILE)), "next.csv", ANNA, updates=True))
    assert outcomes(rows)[1] == "refused"
    assert "your own record" in rows[1].reason


DEAD = [{**FIRST[0], "date_of_death": "2026-02-27"}, FIRST[1], {**NEXT[4], "date_of_death": ""}]


def with_deaths(rows) -> bytes:
    """A CSV file with one more column than our own list of residents has."""
    file = io.StringIO()
    writer = csv.DictWriter(file, [*FIRST[0], "date_of_death"], restval="")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def person_of(register: Register, number: str):
    with register.runtime.database.read() as uow:
        person_id = store.by_civil_number(uow, register.runtime.vault, number)
        assert person_id is not None
        return store.known_person(uow, person_id)


@pytest.mark.row("assurance", "CM-8")
def test_who_died_by_the_register_is_closed_and_nobody_else(register, importer):
    number, now = FIRST[0]["civil_number"], register.runtime.clock.now()
    foreseen = list(importer.foresee(with_deaths(DEAD), "dead.csv", ANNA, updates=True))
    assert outcomes(foreseen) == ["closed", "unchanged", "enrolled"]
    assert [(c.field, c.new) for c in foreseen[0].now] == [("date_of_death", "2026-02-27")]
    assert person_of(register, number).state == "established"
    for _ in range(2):
        *_, last = importer.run(with_deaths(DEAD), "dead.csv", ANNA, updates=True)
    report = importer.report(last.import_id)
    assert (report.closed, report.unchanged, report.enrolled) == (1, 1, 1)
    closed = person_of(register, number)
    assert closed.state == "archived"
    (event,) = [
        e for e in register.runtime.audit.ledger(closed.id, limit=100) if e.kind == "register.die"
    ]
    assert event.details["day"] == "2026-02-27"
    with register.runtime.database.read() as uow:
        (notice,) = register.notices.unseen(uow, Subject("citizen", closed.id))
        assert not register.may_sign_in(uow, Subject("citizen", closed.id))
    assert notice.kind == "identity.died"
    assert notice.home["locality"] == FIRST[0]["locality"]
    # The next file tells it again: that is nothing new.
    again = [{**FIRST[0], "date_of_death": "2026-02-27", "family_name": "Other"}]
    assert outcomes(importer.foresee(with_deaths(again), "x.csv", ANNA, updates=True)) == [
        "unchanged"
    ]
    # The register was wrong: the person comes with their papers, and is who they were.
    life = IdentityLife(register.runtime, register.proofing, ends=())
    passport = Evidence("passport", "passport-authority", "presented-in-person", "K1", True, True)
    life.restore(closed.id, "2026-01", Findings(2, (passport,)), BORIS, "1", now)
    assert person_of(register, number).id == closed.id
    assert person_of(register, number).state == "established"


def test_what_sessions_and_tokens_rest_on_ends_with_a_death(any_runtime):
    ended = []

    class Resting:
        def end_identity(self, uow, person_id, transition, now):
            ended.append((person_id, transition))

    register = Register(any_runtime)
    life = IdentityLife(any_runtime, register.proofing, ends=(Resting(),))
    importer = Importer(any_runtime, register, life)
    list(importer.run(as_csv(iter(FIRST)), "first.csv", ANNA))
    list(importer.run(with_deaths(DEAD), "dead.csv", ANNA, updates=True))
    closed = person_of(register, FIRST[0]["civil_number"])
    assert ended == [(closed.id, "archive")]


def test_a_dead_person_is_not_enrolled(register, importer):
    rows = [{**NEXT[4], "date_of_death": "2026-01-31"}]
    for updates in (False, True):
        (foreseen,) = importer.foresee(with_deaths(rows), "d.csv", ANNA, updates=updates)
        assert foreseen.field == "date_of_death"
        *_, last = importer.run(with_deaths(rows), "d.csv", ANNA, updates=updates)
        assert (last.accepted, last.refused) == (0, 1)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("2026-03-03", "is in the future"),
        ("1650-01-01", "is before the birth date"),
        ("yes", "is not a day"),
        ("2026-02", "is not a day"),
        ("2026-02-30", "is not a day"),
    ],
)
def test_a_day_of_death_that_cannot_be_closes_nobody(register, importer, written, reason):
    rows = [{**FIRST[0], "date_of_death": written}]
    (refused,) = importer.foresee(with_deaths(rows), "d.csv", ANNA, updates=True)
    assert (refused.field, refused.reason) == ("date_of_death", reason)


@pytest.mark.parametrize("written", ["27.02.2026", "20260227", " 2026-02-27 ", "2026-02-27T00:00"])
def test_a_day_of_death_is_read_as_offices_write_it(register, importer, written):
    rows = [{**FIRST[0], "date_of_death": written}]
    (row,) = importer.foresee(with_deaths(rows), "d.csv", ANNA, updates=True)
    assert (row.outcome, row.now[0].new) == ("closed", "2026-02-27")
