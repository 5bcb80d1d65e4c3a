"""One linear history of the tables, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import column, insert, select, table, text

from civitas import governance, schema
from foundation.audit.entry import open_part
from foundation.audit.tables import subjects
from foundation.clock import FrozenClock, Instant
from foundation.database import Database, metadata
from foundation.master_key import MasterKey
from foundation.runtime import Runtime, build, open_database
from foundation.settings import Settings, SettingsError
from pki import Settled
from pki.tables import certificates
from tests.support.deployments import ROOT
from tests.support.devices import csr, found_city, new_key, same_city

assert governance  # every package has declared its tables


def test_the_newest_revision_is_the_one_that_the_program_asks_for() -> None:
    scripts = ScriptDirectory(str(ROOT / "civitas/migrations"))
    assert scripts.get_heads() == [schema.HEAD]


def test_the_history_makes_exactly_the_declared_tables(any_settings: Settings) -> None:
    database = open_database(any_settings)
    schema.upgrade(database)
    declared = {name for name in metadata.tables if not name.startswith("test_")}
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_object": lambda thing, name, kind, reflected, other: (
                    kind != "table" or name in declared or reflected
                ),
            },
        )
        differences = compare_metadata(context, metadata)
    database.close()
    assert differences == []


def test_a_fresh_database_is_refused_until_it_is_set_up(any_settings: Settings) -> None:
    database = open_database(any_settings)
    with pytest.raises(SettingsError, match="civitas init"):
        schema.check(database)
    schema.upgrade(database)
    schema.check(database)
    database.close()


@pytest.mark.parametrize(
    ("revision", "said"),
    [
        ("0000", "civitas db upgrade"),
        ("0024", "civitas db upgrade"),
        ("9999", "newer than this program"),
    ],
)
def test_another_revision_is_refused_with_what_to_do(
    any_settings: Settings, revision: str, said: str
) -> None:
    database = open_database(any_settings)
    schema.upgrade(database)
    with database.write() as uow:
        uow.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
    with pytest.raises(SettingsError, match=said):
        schema.check(database)
    database.close()


def write_old_event(database: Database, at: datetime) -> None:
    """An event about nobody, as a program of that time wrote it."""
    ref = "ref_of_this_event"
    public = open_part("evt_old", "desk.opened", at, "system", "actor_ref", [ref])
    event = {"id": "evt_old", "kind": "desk.opened", "at": at, "open": public, "waiting": 1}
    line = {"event_id": "evt_old", "position": 0, "subject": None, "ref": ref, "sealed": b"x"}
    with database.write() as uow:
        uow.execute(insert(table("audit_events", *map(column, event))).values(
            {**event, "at": Instant().process_bind_param(at, database.engine.dialect)}
        ))  # fmt: skip
        uow.execute(insert(table("audit_subjects", *map(column, line))).values(line))


def test_lines_of_before_0028_have_the_instant_of_their_event_after_the_upgrade(
    any_settings: Settings, clock: FrozenClock
) -> None:
    database = open_database(any_settings)
    schema.upgrade(database, "0026")
    write_old_event(database, clock.now())
    schema.upgrade(database)
    with database.read() as uow:
        (line,) = uow.all(select(subjects))
    database.close()
    assert line.at == clock.now()


OLD_PARTS = ("to_be_signed", "public_key_der", "common_name", "names")


@pytest.mark.row("devices", "issuance")
def test_what_was_recorded_before_0029_is_signed_after_the_upgrade(
    any_runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    city = found_city(any_runtime)
    issued = city.enrol(before := city.register(), first := csr(new_key(), before.device.id))
    registered, body = city.register(), csr(new_key(), "")
    with monkeypatch.context() as patched:
        patched.setattr("pki.issuing.issuance.Issuance._sign", _killed)
        with pytest.raises(KeyboardInterrupt):
            city.enrol(registered, body)
    database = any_runtime.database
    with database.at_leisure() as connection:
        blob = "BYTEA" if database.dialect == "postgresql" else "BLOB"
        for name in OLD_PARTS:
            connection.execute(
                text(f"ALTER TABLE pki_certificates ADD {name} {blob} NOT NULL DEFAULT ''")
            )
        connection.execute(text("UPDATE pki_certificates SET to_be_signed = body WHERE "
                                "body IS NOT NULL"))  # fmt: skip
        connection.execute(text("ALTER TABLE pki_certificates DROP COLUMN body"))
        connection.execute(text("DROP INDEX ix_pki_certificates_not_before"))
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('0028')"))
    schema.upgrade(database, "0029")
    again = same_city(any_runtime)
    assert again.pki.complete_or_void(again.now) == Settled(completed=1, voided=0)
    assert again.devices.get(registered.device.id).state == "active"
    assert again.enrol(registered, body).holder == registered.device.id
    assert again.enrol(before, first) == issued
    with database.read() as uow:
        rows = uow.all(select(certificates.c.body))
    assert {row.body for row in rows} == {None}


def _killed(*_: object) -> bytes:
    raise KeyboardInterrupt


def test_what_waited_at_0011_has_its_leaf_after_the_upgrade(
    any_settings: Settings, clock: FrozenClock
) -> None:
    database = open_database(any_settings)
    schema.upgrade(database, "0011")
    write_old_event(database, clock.now())
    schema.upgrade(database)
    database.close()
    MasterKey.create(any_settings.path.parent / "master.key")
    runtime = build(any_settings, {}, clock)
    runtime.prepare()
    assert runtime.audit.tree.sequence(clock.now()) == 1
    assert runtime.audit.tree.verify().problems == ()
    runtime.close()
