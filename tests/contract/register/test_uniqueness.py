"""The same person applying twice is found before a second identity becomes active — EN-3."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import delete, select, update

from foundation.audit import Actor
from foundation.errors import Conflict, Forbidden
from foundation.runtime import Runtime
from idp.register import REGISTER_ROW, Evidence, Findings, IdentityLife, Profile, Register
from idp.register.uniqueness import index, uniqueness
from idp.register.uniqueness.keys import of_record
from idp.register.uniqueness.tables import comparison_keys, resemblances
from idp.register.uniqueness.uniqueness import Resembles
from tests.contract.register.conftest import OFFICER, POLICY
from tests.support.importing import importer_of

SECOND, THIRD = Actor("staff", "stf_second"), Actor("staff", "stf_third")
HUSSEIN = Profile(
    "38703120011",
    "Muhammad",
    "Hussein",
    date(1987, 3, 12),
    street_address="Lai 1",
    locality="Tallinn",
    country="EE",
    email="m@mail.example",
    phone_number="+3725551234",
)
AGAIN = Profile("48712030022", "حسين", "محمد", date(1987, 12, 3), locality="تالين", country="EE")


def enrol(register: Register, profile: Profile) -> str:
    now = register.runtime.clock.now()
    return register.enrolment.enrol(profile, REGISTER_ROW, OFFICER, POLICY, now).person.id


def pairs(register: Register, person_id: str) -> list[uniqueness.Resemblance]:
    with register.runtime.database.read() as uow:
        return list(uniqueness.about(uow, person_id))


def activate(register: Register, person_id: str):
    """As sign-in does: what a refusal leaves behind is committed."""
    now = register.runtime.clock.now()
    try:
        with register.runtime.database.write() as uow:
            return register.activate(uow, person_id, now)
    except Resembles as refused:
        if refused.consequence is not None:
            with register.runtime.database.write() as uow:
                refused.consequence(uow)
        raise


def may_be_activated(register: Register, person_id: str) -> bool:
    try:
        return bool(activate(register, person_id).may_authenticate)
    except Resembles:
        return False


def decide(register: Register, pair_id: str, said: str, first=SECOND, second=THIRD):
    now, runtime = register.runtime.clock.now(), register.runtime
    with runtime.database.write() as uow:
        register.uniqueness.propose(uow, pair_id, said, "Compared the papers.", first, now)
    with runtime.database.write() as uow:
        return register.uniqueness.answer(uow, pair_id, True, second, now)


def kinds(register: Register, person_id: str) -> list[str]:
    return [e.kind for e in register.runtime.audit.ledger(person_id)]


@pytest.mark.row("assurance", "EN-3")
def test_the_same_person_applying_twice_is_found_before_a_second_identity_becomes_active(register):
    first = enrol(register, HUSSEIN)
    activate(register, first)
    # In Arabic, the names in the other order, day and month in each other's place.
    second = enrol(register, AGAIN)
    held = [(p.person_id, p.other_id, p.state) for p in pairs(register, second)]
    assert held == [(second, first, "open")]
    (pair,) = pairs(register, second)
    assert set(pair.reasons) == {"names.same", "born.swapped"}
    with pytest.raises(Resembles):
        activate(register, second)
    with pytest.raises(Resembles), register.runtime.database.write() as uow:
        register.letters.ask(uow, second, SECOND, register.runtime.clock.now())
    assert register.known(second).person.state == "established"
    assert register.known(first).person.state == "active"
    for person_id in (first, second):
        assert "register.resemblance-found" in kinds(register, person_id)


@pytest.mark.row("assurance", "EN-3")
def test_two_different_officers_decide_and_the_first_alone_decides_nothing(register):
    enrol(register, HUSSEIN)
    second = enrol(register, AGAIN)
    (pair,) = pairs(register, second)
    now, database = register.runtime.clock.now(), register.runtime.database
    with database.write() as uow:
        register.uniqueness.propose(uow, pair.id, "different", "Brothers.", SECOND, now)
    with pytest.raises(Forbidden) as refused, database.write() as uow:
        register.uniqueness.answer(uow, pair.id, True, SECOND, now)
    with database.write() as uow:
        refused.value.consequence(uow)
    assert "register.one-person-refused" in kinds(register, second)
    with pytest.raises(Conflict), database.write() as uow:
        register.uniqueness.propose(uow, pair.id, "same", "Once more.", THIRD, now)
    with pytest.raises(Resembles):
        activate(register, second)
    with database.write() as uow:
        assert register.uniqueness.reason_of(uow, pair) == "Brothers."
        assert register.uniqueness.answer(uow, pair.id, False, THIRD, now).state == "open"
    with pytest.raises(Resembles):
        activate(register, second)


@pytest.mark.row("assurance", "EN-3")
def test_two_people_go_on_and_the_pair_is_not_asked_about_again(register):
    first, second = enrol(register, HUSSEIN), enrol(register, AGAIN)
    (pair,) = pairs(register, second)
    assert decide(register, pair.id, "different").state == "different"
    assert may_be_activated(register, second)
    assert may_be_activated(register, first)
    runtime, now = register.runtime, register.runtime.clock.now()
    with runtime.database.write() as uow:
        after = replace(AGAIN, phone_number="+3725559999")
        register.corrections.make_own(uow, second, after, now)
        register.uniqueness.fill()
    assert [p.state for p in pairs(register, second)] == ["different"]
    for person_id in (first, second):
        assert "register.resemblance-different" in kinds(register, person_id)


@pytest.mark.row("assurance", "EN-3")
def test_one_person_keeps_the_first_record_and_the_second_is_closed_with_a_notice(register):
    first = enrol(register, HUSSEIN)
    activate(register, first)
    second = enrol(register, AGAIN)
    (pair,) = pairs(register, second)
    runtime, now = register.runtime, register.runtime.clock.now()
    life = IdentityLife(runtime, register.proofing, ends=())
    decided = decide(register, pair.id, "same")
    with runtime.database.write() as uow:
        life.join(uow, decided.person_id, THIRD, now)
    assert register.known(second).person.state == "archived"
    assert register.known(first).person.state == "active"
    with runtime.database.read() as uow:
        from idp.register.subject import Subject

        for person_id, kind in ((first, "identity.joined"), (second, "identity.was-double")):
            told = register.notices.unseen(uow, Subject("citizen", person_id))
            assert kind in [notice.kind for notice in told]
        # Whoever asks by the second number still finds who had it.
        assert register.by_civil_number(uow, AGAIN.civil_number) == second
    # Nor does a restored record come to life beside the first one.
    passport = Evidence("passport", "passport-authority", "presented-in-person", "K1", True, True)
    life.restore(second, POLICY, Findings(2, (passport,)), SECOND, "1", now)
    with pytest.raises(Resembles):
        activate(register, second)


@pytest.mark.row("assurance", "EN-3")
def test_rows_that_somebody_deleted_or_decided_in_the_database_activate_nobody(register):
    enrol(register, HUSSEIN)
    second = enrol(register, AGAIN)
    database = register.runtime.database
    with database.engine.begin() as connection:
        connection.execute(delete(resemblances))
    with pytest.raises(Resembles):
        activate(register, second)
    (pair,) = pairs(register, second)
    assert (pair.state, pair.found_by) == ("open", "activation")
    with database.engine.begin() as connection:
        connection.execute(
            update(resemblances).values(state="different", second_officer="stf_nobody")
        )
    with pytest.raises(Resembles):
        activate(register, second)


def test_who_is_in_use_stays_whichever_was_entered_first(register, clock_of):
    first = enrol(register, HUSSEIN)
    with register.runtime.database.engine.begin() as connection:
        connection.execute(delete(comparison_keys))
    clock_of.advance(timedelta(days=1))
    second = enrol(register, AGAIN)
    activate(register, second)
    clock_of.advance(timedelta(days=1))
    assert register.uniqueness.fill() == 1
    (pair,) = pairs(register, first)
    assert (pair.person_id, pair.other_id) == (first, second)


def test_a_corrected_name_renews_what_its_owner_is_found_by(register):
    first = enrol(register, HUSSEIN)
    runtime, now = register.runtime, register.runtime.clock.now()
    with runtime.database.write() as uow:
        before = index.values_of(runtime.vault, HUSSEIN)
        after = replace(HUSSEIN, given_name="Karl", family_name="Kask")
        made = register.corrections.make(
            uow, first, after, "civil-register", "Name by court order.", SECOND, now
        )
        register.corrections.confirm(uow, made.id, THIRD, True, now)
    assert keys_of(runtime, first) == set(index.values_of(runtime.vault, after))
    assert not keys_of(runtime, first) & set(before)
    assert pairs(register, enrol(register, AGAIN)) == []


def test_erasure_takes_what_somebody_was_found_by_along(register, clock_of):
    first = enrol(register, HUSSEIN)
    runtime = register.runtime
    life = IdentityLife(runtime, register.proofing, ends=())
    activate(register, first)
    life.archive(first, OFFICER, "Moved away.", runtime.clock.now())
    # Archived, they are known again; by no contact any more.
    cut = set(index.values_of(runtime.vault, HUSSEIN.cut()))
    assert keys_of(runtime, first) == cut
    assert cut < set(index.values_of(runtime.vault, HUSSEIN))
    clock_of.advance(timedelta(days=3660))
    life.delete(first, OFFICER, "Retention is over.", runtime.clock.now())
    assert keys_of(runtime, first) == set()
    assert pairs(register, enrol(register, AGAIN)) == []


def test_the_same_paper_shown_for_two_people_holds_both_cases_together(register):
    first = enrol(register, HUSSEIN)
    other = enrol(register, replace(HUSSEIN, civil_number="38801010033", given_name="Ali",
                  family_name="Reza", phone_number="", email="", street_address=""))  # fmt: skip
    assert pairs(register, other) == []
    runtime, now = register.runtime, register.runtime.clock.now()
    for person_id in (first, other):
        with runtime.database.write() as uow:
            register.uniqueness.saw_documents(uow, person_id, ["K1234567", ""], now)
    (pair,) = pairs(register, other)
    assert pair.reasons == ("born.same", "beside.document")
    with runtime.database.write() as uow:
        register.uniqueness.saw_documents(uow, other, ["k 1234567"], now)


def test_an_import_says_who_is_held_and_enrols_the_others(register):
    enrol(register, HUSSEIN)
    importer = importer_of(register)
    rows = (
        "civil_number,given_name,family_name,birthdate,locality,country\n"
        "48703120022,Mohamed,Husain,1987-03-12,Tallinn,EE\n"
        "48801010033,Mari,Maasikas,1988-01-01,Tallinn,EE\n"
    )
    *_, last = importer.run(rows.encode(), "people.csv", OFFICER)
    assert last.accepted == 2
    people = importer.persons(last.import_id)
    held, free = sorted(people, key=lambda one: len(pairs(register, one)), reverse=True)
    assert len(pairs(register, held)) == 1
    assert pairs(register, free) == []
    remarks = importer.remarks(last.import_id)
    assert [(r.line, r.field) for r in remarks] == [(2, "row")]
    activate(register, free)


@pytest.mark.row("privacy", "P-2")
def test_who_has_the_database_alone_finds_nobody_by_name(register):
    """The values are keyed: made with another key they lead nowhere, and none is there in clear."""
    first = enrol(register, HUSSEIN)
    runtime: Runtime = register.runtime
    stored = keys_of(runtime, first)
    assert len(stored) == len(of_record(HUSSEIN))
    from hashlib import blake2b, sha256

    for text in of_record(HUSSEIN):
        for guess in (sha256(text.encode()).digest()[:8], blake2b(text.encode()).digest()[:8]):
            assert guess not in stored
    with runtime.database.engine.connect() as connection:
        rows = connection.execute(select(resemblances)).all()
    assert "Hussein" not in repr(rows)


def keys_of(runtime: Runtime, person_id: str) -> set[bytes]:
    with runtime.database.read() as uow:
        rows = uow.all(
            select(comparison_keys.c.value).where(comparison_keys.c.person_id == person_id)
        )
    return {row.value for row in rows}


@pytest.fixture
def clock_of(register):
    return register.runtime.clock
