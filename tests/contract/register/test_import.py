"""Import of a civil-register file: each row wholly or not at all, and a killed import goes on."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from itertools import islice

import pytest
from pydantic import ValidationError
from sqlalchemy import func, select

from civitas.residents import as_csv, as_json, residents
from foundation.audit import Actor
from foundation.database import metadata
from foundation.errors import Forbidden, Gone, NotFound, PayloadTooLarge
from foundation.runtime import Runtime
from foundation.settings import Jurisdiction
from idp.register import FileRefused, Importer, Register, RegisterSettings
from idp.register.tables import blind_indexes, imports, persons
from tests.support.deployments import build_runtime
from tests.support.importing import importer_of

OFFICER = Actor("staff", "stf_officer")


def people(count: int, seed: int = 1):
    return residents(count, seed, city="Tallinn", country="EE")


@pytest.fixture
def importer(any_runtime: Runtime) -> Importer:
    return importer_of(Register(any_runtime))


def count_of(runtime: Runtime, table) -> int:
    with runtime.database.read() as uow:
        return uow.one(select(func.count()).select_from(table))[0]


def test_every_good_row_becomes_an_established_identity(any_runtime, importer):
    *_, last = importer.run(as_csv(people(20)), "register.csv", OFFICER)
    assert (last.total, last.accepted, last.refused) == (20, 20, 0)
    assert count_of(any_runtime, persons) == 20
    report = importer.report(last.import_id)
    assert report.finished_at == any_runtime.clock.now()
    person_id = importer.persons(last.import_id)[0]
    register = Register(any_runtime)
    first = next(people(20))
    assert register.known(person_id).claims(["given_name"]) == {"given_name": first["given_name"]}
    assert register.known(person_id).person.level == 1
    assert register.known(person_id).person.state == "established"


def test_progress_is_told_row_by_row(importer):
    told = [p.done for p in importer.run(as_json(people(5)), "register.json")]
    assert told == [0, 1, 2, 3, 4, 5]


def test_an_import_killed_between_rows_goes_on_where_it_stopped(
    any_runtime, importer, any_settings
):
    content = as_csv(people(10))
    for _ in islice(importer.run(content, "register.csv"), 5):
        pass  # the generator is dropped here, as a killed process drops it
    assert count_of(any_runtime, persons) == 4
    again = build_runtime(any_settings, any_runtime.clock)
    resumed = importer_of(Register(again))
    steps = list(resumed.run(content, "register.csv"))
    again.close()
    assert steps[0].done == 4
    assert (steps[-1].accepted, steps[-1].refused) == (10, 0)
    assert count_of(any_runtime, persons) == count_of(any_runtime, blind_indexes) == 10


def test_a_row_that_fails_in_the_middle_leaves_nothing_half_done(
    any_runtime, importer, monkeypatch
):
    import idp.register.enrolment as enrolment

    content = as_csv(people(3))

    def die(*_args, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(enrolment.store, "write_history", die)
        with pytest.raises(KeyboardInterrupt):
            list(importer.run(content, "register.csv"))
    assert count_of(any_runtime, persons) == 0
    *_, last = importer.run(content, "register.csv")
    assert last.accepted == 3
    any_runtime.audit.tree.sequence(any_runtime.clock.now())
    assert any_runtime.audit.tree.verify().ok


def test_the_same_file_again_changes_nothing(any_runtime, importer):
    content = as_json(people(6))
    *_, first = importer.run(content, "register.json")
    any_runtime.clock.advance(timedelta(days=1))
    *_, second = importer.run(content, "a-new-name.json")
    assert (second.accepted, second.refused) == (6, 0)
    assert count_of(any_runtime, persons) == 6
    assert importer.report(first.import_id).finished_at < any_runtime.clock.now()


@pytest.mark.row("assurance", "EN-3")
def test_a_person_who_is_in_the_register_is_refused_before_a_second_identity_exists(
    any_runtime, importer
):
    list(importer.run(as_csv(people(4)), "register.csv"))
    *_, last = importer.run(as_json(people(4)), "register.json")
    assert (last.accepted, last.refused) == (0, 4)
    assert count_of(any_runtime, persons) == 4
    row = importer.refused(last.import_id)[0]
    assert row.field == "civil_number"
    assert "already in the register" in row.reason
    assert row.what_to_do


def test_refused_rows_say_where_why_and_what_to_do(any_runtime, importer):
    good = next(people(1))
    bad = [
        {**good, "civil_number": "1234-5678", "birthdate": "2026-02-30"},
        {**good, "civil_number": "1234-5679", "birthdate": "2027-01-01"},
        {**good, "civil_number": "1234 5679"},
        {**good, "civil_number": "1234.5679"},
        {**good, "civil_number": "1234567a", "given_name": "\u202eevil"},
        {**good, "civil_number": "no"},
        {**good, "civil_number": "12345680", "country": "Estonia"},
        {**good, "civil_number": "12345681", "email": "a@b"},
    ]
    *_, last = importer.run(as_csv([good, *bad]), "register.csv")
    assert (last.accepted, last.refused) == (3, 6)
    refused = importer.refused(last.import_id)
    assert [(r.line, r.field) for r in refused] == [
        (3, "birthdate"),
        (4, "birthdate"),
        (6, "civil_number"),
        (7, "given_name"),
        (8, "civil_number"),
        (9, "country"),
    ]
    assert refused[2].reason == "is the same as in line 5"
    assert all(r.what_to_do for r in refused)


def test_all_that_is_wrong_with_a_row_is_told_at_once(any_runtime, importer):
    good = next(people(1))
    wrong = {**good, "birthdate": "2026-02-30", "country": "", "email": "a@b", "locality": "\a"}
    *_, last = importer.run(as_csv([good, wrong]), "register.csv", OFFICER)
    (row,) = importer.refused(last.import_id)
    told = [(fault.field, fault.reason) for fault in row.faults]
    assert told == [
        ("birthdate", "is not a date"),
        ("locality", "holds a character that cannot be printed"),
        ("country", "is empty"),
        ("email", "is not in the expected form"),
        ("civil_number", "is the same as in line 2"),
    ]
    assert all(fault.what_to_do for fault in row.faults)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_refused_rows_come_back_in_the_form_they_came(any_runtime, importer, mark):
    header = mark.join(
        ["Civil Number", "GIVEN_NAME", "birthdate", "locality", "country", "reasons"]
    )
    rows = [
        mark.join(['="0012345"', "Zoë", "21.13.1990", "Orléans", "FR", "of before"]),
        mark.join(["T0000002", "Ada", "1990-05-01", "Orléans", "FR"]),
        mark.join(["-T000003", "=Bo", "1990-05-01"]),
    ]
    *_, last = importer.run("\n".join([header, *rows]).encode(), "a.csv", OFFICER)
    file_format, content = importer.refused_file(last.import_id, OFFICER)
    assert file_format == "csv"
    read = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=mark))
    assert read[0] == ["Civil Number", "GIVEN_NAME", "birthdate", "locality", "country", "reasons"]
    assert read[1][:5] == ['\'="0012345"', "Zoë", "21.13.1990", "Orléans", "FR"]
    assert read[1][5].startswith("birthdate is not a date.")
    assert read[2][:5] == ["'-T000003", "'=Bo", "1990-05-01", "", ""]
    *_, again = importer.run(content, "b.csv", OFFICER)
    assert again.refused == 2


def test_refused_objects_come_back_as_json(any_runtime, importer):
    wrong = '{"Civil-Number": "T1234567", "given_name": {"a": [1]}, "region": "", "region": "x"}'
    *_, last = importer.run(f"[{wrong}, 3]".encode(), "a.json", OFFICER)
    _, content = importer.refused_file(last.import_id, OFFICER)
    lines = content.decode().splitlines()
    assert lines[1].startswith(wrong[:-1] + ', "reasons": "region stands twice.')
    assert "country is missing" in lines[1]
    assert lines[2] == "3"
    assert len(json.loads(content)) == 2


@pytest.mark.row("assurance", "CM-7")
def test_refused_rows_are_for_who_sent_them_and_for_a_while(any_runtime, importer):
    *_, last = importer.run(as_csv([{**next(people(1)), "country": "-"}]), "a.csv", OFFICER)
    with pytest.raises(Forbidden):
        importer.refused_file(last.import_id, Actor("staff", "stf_other"))
    any_runtime.clock.advance(timedelta(days=14))
    with pytest.raises(Gone) as gone:
        importer.refused_file(last.import_id, OFFICER)
    assert gone.value.next_step


def test_a_fault_in_a_field_that_one_can_do_without_costs_that_field_and_is_told(
    any_runtime, importer
):
    good = next(people(1))
    wrong = {
        **good,
        "email": "a@b",
        "phone_number": "5551234",
        "locale": "français",
        "region": "\a",
    }
    *_, last = importer.run(as_csv([wrong]), "register.csv", OFFICER)
    assert (last.accepted, last.refused) == (1, 0)
    remarks = importer.remarks(last.import_id)
    fields = ["email", "locale", "phone_number", "region"]
    assert [(told.line, told.field) for told in remarks] == [(2, field) for field in fields]
    assert all(told.reason.endswith("it was left out") and told.what_to_do for told in remarks)
    assert importer.report(last.import_id).remarks == 4
    assert importer.remarks(last.import_id, skip=3) == remarks[3:]
    known = Register(any_runtime).known(importer.persons(last.import_id)[0])
    assert set(known.claims(["email", "phone_number", "locale", "name"])) == {"name"}
    *_, again = importer.run(as_csv([wrong]), "register.csv", OFFICER)
    assert importer.report(again.import_id).remarks == 4


def test_how_a_file_was_read_is_told_with_its_people(any_settings, any_runtime, importer):
    good = next(people(1))
    text = as_csv([{**good, "given_name": "Zoë", "birthdate": "21/03/1990"}]).decode()
    *_, last = importer.run(text.encode("windows-1252"), "register.csv", OFFICER)
    assert last.accepted == 1
    (told,) = importer.remarks(last.import_id)
    assert (told.line, told.field) == (1, "file")
    assert "windows-1252" in told.reason
    known = Register(any_runtime).known(importer.persons(last.import_id)[0])
    assert known.claims(["given_name", "birthdate"]) == {
        "given_name": "Zoë",
        "birthdate": "1990-03-21",
    }


def test_the_operator_says_how_day_and_month_are_ordered_and_in_what_old_files_are(
    any_settings, clock
):
    jurisdiction = any_settings.of(Jurisdiction).model_copy(update={"date_order": "month-day"})
    changed = any_settings.with_sections(
        jurisdiction, RegisterSettings(import_encoding="windows-1251")
    )
    runtime = build_runtime(changed, clock)
    register = Register(runtime)
    importer = importer_of(register)
    ivan = {**next(people(1)), "given_name": "Иван", "family_name": "", "birthdate": "1/5/1990"}
    text = as_csv([ivan]).decode()
    *_, last = importer.run(text.encode("windows-1251"), "register.csv", OFFICER)
    known = register.known(importer.persons(last.import_id)[0])
    asked = ["given_name", "birthdate"]
    assert known.claims(asked) == {"given_name": "Иван", "birthdate": "1990-01-05"}
    runtime.close()


def test_an_encoding_that_nobody_knows_stops_the_start():
    for written in ("windows-1252x", "hex", ""):
        with pytest.raises(ValidationError, match="write an encoding"):
            RegisterSettings(import_encoding=written)


@pytest.mark.parametrize(
    ("content", "name", "where"),
    [
        (b"civil_number;given_name\n1;2\n", "a.csv", "line 1"),
        (b"1,2,3\n", "a.csv", "line 1"),
        (as_csv(people(1)).replace(b"given_name", b"forename", 1), "a.csv", "line 1"),
        (as_csv(people(1)).replace(b"region", b"locale", 1), "a.csv", "line 1"),
        (as_csv(people(3)).decode().encode("utf-16")[:-1], "a.csv", "line 4"),
        ("name\nZoë\n".encode("latin-1"), "a.csv", "line 1"),
        (as_csv(people(3)) + "Zoë".encode() + b"\xe9\n", "a.csv", "line 5"),
        ("name\n佐藤\n".encode("shift_jis"), "a.csv", "line 2"),
        (as_csv(people(1)) + b'"unclosed\n', "a.csv", "line 3"),
        (as_csv(people(1)) + b"a\0b\n", "a.csv", "line 3"),
        (b"", "a.csv", "file"),
        (b" \r\n", "a.csv", "file"),
        (b"\x89PNG\r\n\x1a\n\0\0", "register.csv", "file"),
        (b"PK\x03\x04\x14\0\x06\0[Content_Types].xml", "register.xlsx", "file"),
        (b"PK\x03\x04register.csv", "register.zip", "file"),
        (b"%PDF-1.7", "register.csv", "file"),
        (b"[]", "a.json", "file"),
        (b'{"persons": 3}', "a.json", "line 1"),
        (b'{"persons": [], "more": 1}', "a.json", "line 1"),
        (b"[{]", "a.json", "line 1"),
        (b"[NaN]", "a.json", "file"),
        (b"[" * 100_000, "a.json", "file"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_refused_before_anything(
    any_runtime, importer, content, name, where
):
    with pytest.raises(FileRefused) as refusal:
        list(importer.run(content, name))
    assert refusal.value.where == where
    assert refusal.value.next_step
    assert count_of(any_runtime, imports) == 0


def test_members_of_json_objects_are_checked_one_by_one(importer):
    good = next(people(1))
    text = json.dumps([{**good, "admin": "yes"}, [], {"given_name": "x"}, {**good, "region": 3}])
    repeated = json.dumps(good)[:-1] + ', "region": ""}'
    content = text[:-1] + "," + repeated + "]"
    *_, last = importer.run(content.encode(), "x.json")
    refused = importer.refused(last.import_id)
    assert [(r.line, r.field) for r in refused] == [
        (1, "admin"),
        (2, "entry"),
        (3, "civil_number"),
        (5, "region"),
    ]
    assert [(r.line, r.field) for r in importer.remarks(last.import_id)] == [(4, "region")]


def test_a_file_beyond_the_limits_is_refused(any_settings, clock):
    small = any_settings.with_sections(RegisterSettings(most_import_bytes=2048, most_import_rows=2))
    runtime = build_runtime(small, clock)
    importer = importer_of(Register(runtime))
    with pytest.raises(PayloadTooLarge):
        list(importer.run(b"x" * 4096, "a.csv"))
    with pytest.raises(FileRefused, match="more than 2"):
        list(importer.run(as_csv(people(3)), "a.csv"))
    runtime.close()


def test_the_desks_upload_is_done_by_a_job_and_its_content_is_gone_afterwards(
    any_runtime, importer
):
    import_id = importer.submit(as_csv(people(7)), "register.csv", OFFICER)
    assert importer.report(import_id).done == 0
    assert importer.submit(as_csv(people(7)), "register.csv", OFFICER) == import_id
    any_runtime.jobs.run_once()
    report = importer.report(import_id)
    assert (report.accepted, report.finished_at is not None) == (7, True)
    with any_runtime.database.read() as uow:
        assert uow.one(select(imports.c.sealed_content))[0] is None


@pytest.mark.row("assurance", "CM-7")
def test_the_name_of_a_file_is_kept_nowhere(any_runtime, importer):
    importer.submit(as_csv(people(2)), "anna-tamm.csv", OFFICER)
    any_runtime.jobs.run_once()
    with any_runtime.database.read() as uow:
        rows = [repr(row) for table in metadata.sorted_tables for row in uow.all(select(table))]
    assert any("register.import" in row for row in rows)
    assert not any("anna-tamm" in row for row in rows)


def test_a_long_import_is_done_in_slices(any_runtime, importer, monkeypatch):
    import idp.register.imports.importer as module

    monkeypatch.setattr(module, "SLICE", 3)
    import_id = importer.submit(as_csv(people(8)), "register.csv", OFFICER)
    any_runtime.jobs.run_once()
    assert importer.report(import_id).accepted == 8


def test_an_upload_finishes_what_the_command_line_left(any_runtime, importer):
    content = as_csv(people(6))
    for _ in islice(importer.run(content, "register.csv"), 3):
        pass
    import_id = importer.submit(content, "register.csv", OFFICER)
    any_runtime.jobs.run_once()
    assert importer.report(import_id).accepted == 6


def test_an_unknown_import_is_not_found(importer):
    with pytest.raises(NotFound):
        importer.report("00")


def test_no_value_of_a_row_is_stored_in_clear(any_runtime, importer):
    list(importer.run(as_csv(people(3)), "register.csv"))
    some = list(people(3))
    with any_runtime.database.read() as uow:
        for table in any_runtime_tables():
            for row in uow.all(select(table)):
                for value in row:
                    stored = value if isinstance(value, bytes) else str(value).encode()
                    for person in some:
                        for name in ("civil_number", "family_name", "street_address", "email"):
                            if len(person[name]) > 2:
                                assert person[name].encode() not in stored


def any_runtime_tables():
    from foundation.database import metadata

    return [t for t in metadata.sorted_tables if t.name.startswith(("register_", "audit_"))]


def test_two_processes_importing_one_file_enrol_each_person_once(
    any_runtime, importer, any_settings
):
    import threading

    content = as_csv(people(12))
    other = build_runtime(any_settings, any_runtime.clock)
    failures: list[BaseException] = []

    def work(one: Importer) -> None:
        try:
            list(one.run(content, "register.csv"))
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    both = [importer, importer_of(Register(other))]
    threads = [threading.Thread(target=work, args=(one,)) for one in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert failures == []
    assert count_of(any_runtime, persons) == 12
    report = importer.recent()[0]
    assert (report.accepted, report.refused) == (12, 0)
