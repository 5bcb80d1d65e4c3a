"""One linear history of the tables, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import column, insert, select, table, text, update

from civitas import governance, schema
from foundation.audit import log as audit_log
from foundation.audit import tree as audit_tree
from foundation.audit.entry import Actor, open_part, refs_of
from foundation.audit.review import AuditReview, Wish
from foundation.audit.tables import events, leaves, nodes, subjects, waiting
from foundation.audit.verify_public import verify_from_outside
from foundation.clock import FrozenClock, Instant, microseconds
from foundation.database import Database, metadata
from foundation.master_key import MasterKey
from foundation.runtime import Runtime, build, open_database
from foundation.settings import Settings, SettingsError
from pki import Settled
from pki.tables import certificates
from tests.support.audits import history, outside, record, sequence
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


def test_an_empty_database_is_made_in_one_step_and_another_is_brought_up_to_date(
    any_settings: Settings,
) -> None:
    database = open_database(any_settings)
    schema.make(database)
    schema.check(database)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert context.get_current_revision() == schema.HEAD
    schema.make(database)
    schema.check(database)
    database.close()


def test_a_database_of_an_older_program_is_brought_up_to_date_by_init(
    any_settings: Settings,
) -> None:
    database = open_database(any_settings)
    schema.upgrade(database, "0040")
    schema.make(database)
    schema.check(database)
    database.close()


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


CHANGED_BY_0031 = ("audit_events", "audit_waiting", "audit_subjects", "audit_leaves", "audit_nodes")


def as_at_0030(database: Database) -> None:
    """Put a database of today in the form that it had: the same rows, as a program of then wrote
    them."""
    with database.read() as uow:
        rows = {t: uow.all(select(t)) for t in metadata.sorted_tables if "test_" not in t.name}
        refs = {row.number: refs_of(row.open) for row in uow.all(select(events))}
        ids = {row.number: row.id for row in uow.all(select(events))}
        states = {row.event: row.state for row in uow.all(select(waiting))}
    hashes = [row.hash for row in sorted(rows[leaves], key=lambda row: row.leaf_index)]
    old: dict[str, list[dict[str, object]]] = {
        "audit_events": [
            {"id": r.id, "kind": r.kind, "at": microseconds(r.at), "open": r.open,
             "waiting": states.get(r.number, 0), "mac": r.mac}
            for r in rows[events]
        ],
        "audit_subjects": [
            {"event_id": ids[r.event], "position": r.position, "subject": r.subject,
             "ref": refs[r.event][r.position], "sealed": r.sealed, "at": microseconds(r.at)}
            for r in rows[subjects]
        ],
        "audit_leaves": [
            {"leaf_index": r.leaf_index, "event_id": ids[r.event], "hash": r.hash}
            for r in rows[leaves]
        ],
        "audit_nodes": [
            {"level": level, "position": position, "hash": digest}
            for level, position, digest in audit_tree.append(0, (), hashes)[0]
        ],
    }  # fmt: skip
    metadata.drop_all(database.engine)
    schema.upgrade(database, "0030")
    with database.at_leisure() as connection:
        for whole, found in rows.items():
            if found and whole.name not in CHANGED_BY_0031:
                connection.execute(insert(whole), [row._asdict() for row in found])
        for name, written in old.items():
            connection.execute(insert(table(name, *map(column, written[0]))), written)


@pytest.mark.row("assurance", "X.1253-9.2-4")
def test_a_log_of_before_0031_is_the_same_log_after_the_upgrade(any_runtime: Runtime) -> None:
    runtime, officer = any_runtime, Actor("staff", "stf_1")
    history(runtime, 40)
    record(runtime, "per_ada", "per_bo", kind="record.read", actor=officer, details={"n": "é"})
    with runtime.database.write() as uow:
        runtime.audit.forget(uow, "per_ada")
    sequence(runtime)
    late = record(runtime, "per_bo", actor=officer)
    forged = record(runtime, "per_bo", kind="level.raised")
    with runtime.database.write() as uow:
        uow.execute(update(events).where(events.c.id == forged).values(mac=bytes(32)))
    sequence(runtime)
    waits = record(runtime, "per_bo", actor=officer)
    before = told(runtime)
    kept = runtime.audit.tree.checkpoint()
    as_at_0030(runtime.database)
    schema.upgrade(runtime.database)
    assert told(runtime) == before
    assert runtime.audit.tree.checkpoint() == kept
    assert runtime.audit.tree.set_aside() == 1
    with runtime.database.read() as uow:
        assert {row.level for row in uow.all(select(nodes.c.level))} == {4, 5}
    # The log goes on: what waited has its leaf, and what is new a number behind all others.
    record(runtime, "per_bo", actor=officer)
    assert sequence(runtime) == 3  # and that one was refused
    ledger = {entry.event_id: entry for entry in runtime.audit.ledger("per_bo")}
    assert ledger[waits].leaf_index is not None
    assert ledger[late].details == {}
    report = runtime.audit.tree.verify(kept)
    assert len(report.problems) == 1
    assert forged in report.problems[0]
    with outside(runtime.audit) as client:
        assert verify_from_outside("http://localhost:8000", client, known=kept).ok


def told(runtime: Runtime) -> list[object]:
    """All that anybody sees of the audit, in an order."""
    size, review = 50, AuditReview(runtime.audit)
    officer = Actor("staff", "stf_1")
    with runtime.database.read() as uow:
        public = [audit_log.entries(uow, 0, size), audit_log.leaf_hashes(uow, 0, size)]
        at = audit_log.size(uow)
        proofs = [
            audit_tree.inclusion_proof(n, at, lambda wanted: audit_log.fetch(uow, wanted))
            for n in range(at)
        ]
    ledgers = [
        sorted(runtime.audit.ledger(person), key=lambda entry: entry.event_id)
        for person in ("per_ada", "per_bo")
    ]
    by = [sorted(e.id for e in review.entries(Wish(by=who), [officer])) for who in (officer, None)]
    return [public, proofs, ledgers, by, runtime.audit.tree.verify().problems]
