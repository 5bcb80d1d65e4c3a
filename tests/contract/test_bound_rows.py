"""Rows that grant something are bound to whom they belong to: moved, raised, inserted, swapped or
brought back by who has no key, they are not there — on every database."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from foundation.row_macs import all_bound, binding
from foundation.rows.check import bind_existing, check_bound, record_alarms, wrong_rows
from foundation.rows.marks import row_marks, row_marks_owed
from foundation.runtime import Runtime
from foundation.settings import SettingsError
from idp.login import store
from idp.login.credential import Credential
from idp.login.tables import credentials
from idp.register import Subject
from tests.support.intruder import Intruder

ANNA, OTTO = Subject("citizen", "per_anna"), Subject("citizen", "per_otto")


@pytest.fixture
def intruder(any_runtime: Runtime) -> Iterator[Intruder]:
    made = Intruder(any_runtime.database)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def two_passwords(any_runtime: Runtime) -> None:
    for holder in (ANNA, OTTO):
        with any_runtime.database.write() as uow:
            now = any_runtime.clock.now()
            made = Credential(f"crd_{holder.id}", holder, "password", "password", now, None)
            store.add(uow, made, f"sealed of {holder.id}".encode(), None)


def password(runtime: Runtime, holder: Subject) -> bytes | None:
    with runtime.database.read() as uow:
        found = store.password_of(uow, holder)
    return None if found is None else found[1]


def wrong(runtime: Runtime) -> list[str]:
    return [row.table for row in wrong_rows(runtime.database, runtime.guard, runtime.clock.now())]


def test_a_row_that_this_deployment_wrote_is_there(any_runtime):
    assert password(any_runtime, ANNA) == b"sealed of per_anna"
    assert wrong(any_runtime) == []


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE login_credentials SET subject_id = 'per_anna' WHERE id = 'crd_per_otto'",
        (
            "UPDATE login_credentials SET secret = (SELECT secret FROM login_credentials WHERE "
            "id = 'crd_per_otto') WHERE id = 'crd_per_anna'"
        ),
        "UPDATE login_credentials SET row_mac = NULL WHERE id = 'crd_per_anna'",
        (
            "UPDATE login_credentials SET row_mac = (SELECT row_mac FROM login_credentials WHERE "
            "id = 'crd_per_otto') WHERE id = 'crd_per_anna'"
        ),
        "UPDATE login_credentials SET kind = 'passkey' WHERE id = 'crd_per_anna'",
        (
            "INSERT INTO login_credentials (id, subject_kind, subject_id, kind, state, label, "
            "secret, data, counter, created_at, row_mac) SELECT 'crd_new', subject_kind, "
            "'per_anna', kind, state, label, secret, data, counter, created_at, row_mac "
            "FROM login_credentials WHERE id = 'crd_per_otto'"
        ),
    ],
)
@pytest.mark.row("failures", "29")
def test_a_row_that_was_moved_swapped_or_made_up_is_not_there_and_is_named(
    any_runtime, intruder, sql
):
    assert intruder.run(sql) == 1
    with any_runtime.database.read() as uow:
        held = {c.id for c in store.of_holder(uow, ANNA)}
    assert held <= {"crd_per_anna"}
    assert password(any_runtime, ANNA) in (None, b"sealed of per_anna")
    assert wrong(any_runtime) == ["login_credentials"]


def test_a_select_of_a_few_columns_is_checked_like_one_of_all(any_runtime, intruder):
    few = select(credentials.c.id, credentials.c.label).where(credentials.c.state == "active")
    with any_runtime.database.read() as uow:
        assert len(uow.all(few)) == 2
        assert next(tuple(row) for row in uow.all(few.order_by(credentials.c.id))) == (
            "crd_per_anna",
            "password",
        )
    intruder.run("UPDATE login_credentials SET subject_id = 'x' WHERE id = 'crd_per_anna'")
    with any_runtime.database.read() as uow:
        assert [row.id for row in uow.all(few)] == ["crd_per_otto"]


def test_a_forged_row_is_never_made_right_by_a_change_of_ours(any_runtime, intruder):
    intruder.run("UPDATE login_credentials SET subject_id = 'per_anna' WHERE id = 'crd_per_otto'")
    with any_runtime.database.write() as uow:
        assert not store.replace_secret(uow, "crd_per_otto", b"sealed of per_otto", b"new")
    assert wrong(any_runtime) == ["login_credentials"]


def test_a_change_of_ours_is_right_and_of_many_racing_ones_the_row_count_decides(any_runtime):
    with any_runtime.database.write() as uow:
        assert store.replace_secret(uow, "crd_per_otto", b"sealed of per_otto", b"new")
        assert not store.replace_secret(uow, "crd_per_otto", b"sealed of per_otto", b"newer")
        assert uow.changed(update(credentials).values(secret=b"the same")) == 2
    assert password(any_runtime, OTTO) == b"the same"
    assert wrong(any_runtime) == []


def test_a_credential_that_was_removed_does_not_come_back_from_a_backup(any_runtime, intruder):
    backup = intruder.copy(credentials)
    any_runtime.clock.advance(timedelta(minutes=1))
    with any_runtime.database.write() as uow:
        assert store.end(uow, OTTO, "crd_per_otto", any_runtime.clock.now())
    intruder.put_back(credentials, backup)
    assert password(any_runtime, OTTO) is None
    assert password(any_runtime, ANNA) is not None
    assert wrong(any_runtime) == ["login_credentials"]


def test_an_ended_row_that_is_called_active_again_is_not_there(any_runtime, intruder):
    with any_runtime.database.write() as uow:
        store.end(uow, OTTO, "crd_per_otto", any_runtime.clock.now())
    intruder.run("UPDATE login_credentials SET state = 'active', ended_at = NULL")
    assert password(any_runtime, OTTO) is None
    assert password(any_runtime, ANNA) is not None


def test_an_older_version_of_a_changed_row_is_refused(any_runtime, intruder):
    backup = intruder.copy(credentials)
    with any_runtime.database.write() as uow:
        store.replace_secret(uow, "crd_per_otto", b"sealed of per_otto", b"changed")
    intruder.put_back(credentials, backup)
    assert password(any_runtime, OTTO) is None


@pytest.mark.parametrize("look", [lambda runtime: password(runtime, OTTO), wrong])
def test_a_change_that_comes_between_a_row_and_its_mark_is_no_attack(
    any_runtime, monkeypatch, look
):
    """A mark is raised after the commit: who read the row before that reads it again."""
    marks = any_runtime.guard.inspection.marks
    of, meanwhile = marks.of, [b"changed"]

    def later(references):
        if meanwhile:
            new = meanwhile.pop()
            with any_runtime.database.write() as uow:
                store.replace_secret(uow, "crd_per_otto", b"sealed of per_otto", new)
        return of(references)

    monkeypatch.setattr(marks, "of", later)
    assert look(any_runtime) in (b"changed", [])
    assert meanwhile == []
    assert any_runtime.guard.inspection.alarms() == []


def test_a_mark_that_a_killed_process_still_owed_is_raised_afterwards(
    any_runtime, intruder, monkeypatch
):
    backup = intruder.copy(credentials)
    monkeypatch.setattr(any_runtime.guard.marks, "committed", lambda marks: None)
    with any_runtime.database.write() as uow:
        store.end(uow, OTTO, "crd_per_otto", any_runtime.clock.now())
    any_runtime.clock.advance(timedelta(seconds=2))
    assert any_runtime.guard.marks.settle() == 1
    with any_runtime.database.read() as uow:
        assert uow.all(select(row_marks_owed)) == []
    intruder.put_back(credentials, backup)
    assert password(any_runtime, OTTO) is None


def test_what_was_rolled_back_took_nothing_away(any_runtime):
    def ends_half() -> None:
        with any_runtime.database.write() as uow:
            store.end(uow, OTTO, "crd_per_otto", any_runtime.clock.now())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        ends_half()
    assert password(any_runtime, OTTO) is not None
    with any_runtime.vault.store.read() as uow:
        marks = {bytes(row.reference) for row in uow.all(select(row_marks))}
    assert marks == {any_runtime.guard.macs.of_table(bound) for bound in all_bound()}


def test_a_refused_row_is_logged_and_put_on_record_once_and_names_nobody(
    any_runtime, intruder, caplog
):
    intruder.run("UPDATE login_credentials SET subject_id = 'per_anna' WHERE id = 'crd_per_otto'")
    with caplog.at_level(logging.ERROR, "civitas.integrity"):
        for _ in range(3):
            with any_runtime.database.read() as uow:
                store.of_holder(uow, ANNA)
    (line,) = caplog.messages
    assert "login_credentials" in line
    assert "otto" not in line
    assert record_alarms(any_runtime.audit, any_runtime.guard) == 1
    assert record_alarms(any_runtime.audit, any_runtime.guard) == 0
    with any_runtime.database.read() as uow:
        kinds = uow.all(select(_events().c.kind))
    assert [row.kind for row in kinds] == ["integrity.row-refused"]


def test_rows_of_before_are_bound_once_and_never_again(any_runtime, intruder):
    bound = binding(credentials)
    intruder.run("UPDATE login_credentials SET row_mac = NULL")
    assert bind_existing(any_runtime.database, any_runtime.guard) == 0
    assert password(any_runtime, ANNA) is None
    # As an upgrade finds them: the table was never bound in this deployment.
    with any_runtime.vault.store.write() as uow:
        uow.execute(
            row_marks.delete().where(
                row_marks.c.reference == any_runtime.guard.macs.of_table(bound)
            )
        )
    any_runtime.clock.advance(timedelta(seconds=2))
    with pytest.raises(SettingsError, match="login_credentials"):
        check_bound(any_runtime.guard)
    assert bind_existing(any_runtime.database, any_runtime.guard) == 2
    any_runtime.clock.advance(timedelta(seconds=2))
    check_bound(any_runtime.guard)
    assert password(any_runtime, ANNA) is not None
    assert wrong(any_runtime) == []


def _events():
    from foundation.audit.tables import events

    return events
