"""A backup is one file; restored into either database, the city goes on as it was."""

from __future__ import annotations

import base64
import shutil
import sqlite3
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import func, inspect, select, text
from typer.testing import CliRunner, Result

from civitas import backup_file, governance, schema
from civitas.cli import command_line
from civitas.configuration import settings_of
from civitas.residents import as_csv, residents
from foundation.audit.entry import SYSTEM, open_part
from foundation.database import Database, metadata
from foundation.master_key import MasterKey
from foundation.runtime import open_database
from foundation.sealed_stream import CHUNK, HEADER
from idp.register.tables import persons
from tests.support.deployments import ROOT

app = command_line()

if TYPE_CHECKING:
    from tests.support.postgresql import PostgreSQL

assert governance.MODELS  # every package has declared its tables
runner = CliRunner()
PEOPLE = 12
THEN = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def run(*arguments: str, code: int = 0) -> Result:
    done = runner.invoke(app, list(arguments))
    assert done.exit_code == code, done.output
    return done


def found(folder: Path, *more: str) -> Path:
    config = folder / "civitas.toml"
    run("init", "--config", str(config), "--development", "--name", "Tallinn", *more)
    return config


@pytest.fixture
def city(tmp_path: Path) -> Path:
    """A deployment with a few people, and its configuration."""
    config = found(tmp_path / "old")
    file = tmp_path / "people.csv"
    file.write_bytes(as_csv(residents(PEOPLE, city="Tallinn")))
    run("citizens", "import", str(file), "--config", str(config))
    return config


@pytest.mark.row("assurance", "X.1253-9.2-5")
def test_a_city_moves_from_sqlite_to_postgresql(
    city: Path, tmp_path: Path, postgresql_server: PostgreSQL, postgres_url: str
) -> None:
    database, keys = tmp_path / "city.backup", tmp_path / "keys.backup"
    run("backup", str(database), "--config", str(city))
    run("backup", str(keys), "--person-keys", "--config", str(city))
    with postgresql_server.database() as keys_url:
        moved = beside(
            city,
            'url = "sqlite:///civitas.db"', f'url = "{postgres_url}"',
            'keys = "sqlite:///person-keys.db"', f'keys = "{keys_url}"',
        )  # fmt: skip
        run("restore", str(database), "--config", str(moved))
        run("restore", str(keys), "--person-keys", "--config", str(moved))
        run("audit", "verify", "--config", str(moved))
        assert people_in(moved) == PEOPLE
        run("restore", str(database), "--config", str(moved), code=2)
        # And back: a backup of PostgreSQL is the same file.
        again = tmp_path / "again.backup"
        run("backup", str(again), "--config", str(moved))
        # What the database numbers goes on behind what was brought.
        brought = {row[0] for row in everything(moved)["audit_events"]}
        runtime = governance.assemble(settings_of(moved)).runtime
        with runtime.database.write() as uow:
            runtime.audit.record(uow, "desk.opened", SYSTEM)
        runtime.close()
        (new,) = {row[0] for row in everything(moved)["audit_events"]} - brought
        assert new == max(brought) + 1
    back = beside(city, "", "", name="back")
    run("restore", str(again), "--config", str(back))
    assert everything(back) == everything(city)


def beside(city: Path, *changes: str, name: str = "new") -> Path:
    """A configuration in a new folder: the same deployment, with other stores."""
    config = city.parent.parent / name / "civitas.toml"
    config.parent.mkdir()
    text = city.read_text()
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in text
        text = text.replace(old, new)
    config.write_text(text)
    shutil.copy2(city.parent / "master.key", config.parent / "master.key")
    return config


def people_in(config: Path) -> int:
    restored = open_database(settings_of(config))
    with restored.read() as uow:
        row = uow.one(select(func.count()).select_from(persons))
    restored.close()
    assert row is not None
    return int(row[0])


def everything(config: Path) -> dict[str, list[tuple[object, ...]]]:
    database = open_database(settings_of(config))
    with database.read() as uow:
        rows = {t.name: [tuple(row) for row in uow.all(select(t))] for t in metadata.sorted_tables}
    database.close()
    return {name: sorted(found, key=repr) for name, found in rows.items()}


def test_a_backup_tells_nothing_without_the_master_key(city: Path, tmp_path: Path) -> None:
    file, keys = tmp_path / "city.backup", tmp_path / "keys.backup"
    run("backup", str(file), "--config", str(city))
    run("backup", str(keys), "--person-keys", "--config", str(city))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    content = file.read_bytes() + keys.read_bytes()
    told = [value for rows in everything(city).values() for row in rows for value in row]
    words = [v.encode() for v in told if isinstance(v, str) and len(v) > 7]
    blobs = [v for v in told if isinstance(v, bytes) and len(v) > 7]
    assert len(words) > PEOPLE
    assert len(blobs) > PEOPLE
    assert not [value for value in words + blobs if value in content]
    assert not [value for value in blobs if base64.b64encode(value) in content]
    assert not list(tmp_path.glob("*.partial"))


def changed(content: bytes) -> bytes:
    return content[:-30] + bytes([content[-30] ^ 1]) + content[-29:]


def cut(content: bytes) -> bytes:
    return content[: len(HEADER) + 32 + CHUNK + 16]  # whole chunks, only not all of them


def lengthened(content: bytes) -> bytes:
    return content + content[-40:]


@pytest.mark.parametrize("alter", [changed, cut, lengthened])
def test_an_altered_backup_is_refused_before_a_row_is_written(
    city: Path, tmp_path: Path, alter: Callable[[bytes], bytes]
) -> None:
    file = tmp_path / "city.backup"
    run("backup", str(file), "--config", str(city))
    file.write_bytes(alter(file.read_bytes()))
    new = beside(city, "", "")
    assert "does not open" in run("restore", str(file), "--config", str(new), code=2).output
    empty = open_database(settings_of(new))
    assert schema.current(empty) is None
    empty.close()


def test_a_backup_opens_under_its_own_master_key_only(city: Path, tmp_path: Path) -> None:
    file = tmp_path / "city.backup"
    run("backup", str(file), "--config", str(city))
    new = beside(city, "", "")
    (new.parent / "master.key").unlink()
    MasterKey.create(new.parent / "master.key")
    assert "master key" in run("restore", str(file), "--config", str(new), code=2).output


def plain_backup(file: Path, revision: str) -> None:
    """What `civitas backup` wrote at revision 0011: a SQLite file. In it is an event, with columns
    that there are no more."""
    database = Database(f"sqlite:///{file}")
    schema.upgrade(database, revision)
    with database.write() as uow:
        uow.execute(text("CREATE TABLE civitas_backup (store TEXT, revision TEXT)"))
        uow.execute(text("INSERT INTO civitas_backup VALUES ('database', :r)"), {"r": revision})
        uow.execute(
            text(
                "INSERT INTO periodic_work VALUES ('audit sequencer', 1700000000000000, NULL, 'x')"
            )
        )
        uow.execute(
            text(
                "INSERT INTO audit_events (id, kind, at, open, waiting) "
                "VALUES ('evt_old', 'desk.opened', 1700000000000000, :open, 1)"
            ),
            {"open": open_part("evt_old", "desk.opened", THEN, "system", "actor", ["person"])},
        )
        uow.execute(
            text(
                "INSERT INTO audit_subjects (event_id, position, ref, sealed) "
                "VALUES ('evt_old', 0, 'person', :sealed)"
            ),
            {"sealed": b"x"},
        )
    database.close()


@pytest.mark.parametrize("revision", ["0011", "0030"])
def test_an_older_plain_backup_is_taken_when_told_so_and_then_upgraded(
    city: Path, tmp_path: Path, revision: str
) -> None:
    file = tmp_path / "old.backup"
    plain_backup(file, revision)
    new = beside(city, "", "")
    refused = run("restore", str(file), "--config", str(new), code=2).output
    assert "not sealed" in refused
    said = run("restore", str(file), "--unsealed", "--config", str(new)).output
    assert "was not sealed" in said
    assert "civitas db upgrade" in said
    run("db", "upgrade", "--config", str(new))
    run("audit", "verify", "--config", str(new))
    assert everything(new)["periodic_work"] == [("audit sequencer", THEN, None, "x")]
    events, lines = everything(new)["audit_events"], everything(new)["audit_subjects"]
    assert (1, THEN, "evt_old", "desk.opened") in {row[:4] for row in events}
    assert (1, THEN if revision == "0011" else None, 0) in {row[:3] for row in lines}


def test_no_backup_of_the_database_holds_a_person_key(city: Path, tmp_path: Path) -> None:
    file = tmp_path / "city.backup"
    run("backup", str(file), "--config", str(city))
    new = beside(city, "", "")
    run("restore", str(file), "--config", str(new))
    content = (new.parent / "civitas.db").read_bytes()
    with sqlite3.connect(city.parent / "person-keys.db") as keys:
        wrapped = [row[0] for row in keys.execute("SELECT wrapped FROM person_keys")]
    assert len(wrapped) == PEOPLE + 1  # and that of the import's refused rows
    assert not any(key in content for key in wrapped)


def test_an_existing_file_is_never_overwritten(city: Path, tmp_path: Path) -> None:
    file = tmp_path / "city.backup"
    file.write_text("precious")
    assert "exists" in run("backup", str(file), "--config", str(city), code=2).output
    assert file.read_text() == "precious"


def test_a_foreign_file_and_the_wrong_store_are_refused(city: Path, tmp_path: Path) -> None:
    file = tmp_path / "city.backup"
    run("backup", str(file), "--config", str(city))
    empty = beside(city, "", "")
    wrong = run("restore", str(file), "--person-keys", "--config", str(empty), code=2)
    assert "holds the database, not the person keys" in wrong.output
    (tmp_path / "foreign").write_bytes(b"")
    run("restore", str(tmp_path / "foreign"), "--config", str(empty), code=2)
    run("restore", str(tmp_path / "foreign"), "--unsealed", "--config", str(empty), code=2)
    run("restore", str(tmp_path / "missing"), "--config", str(empty), code=2)


def test_what_a_backup_of_any_revision_holds_is_known(tmp_path: Path) -> None:
    """A column that a migration drops stays in the backups of before: `dropped.py` knows it."""
    file = tmp_path / "grows.db"
    unknown: list[str] = []
    revisions = ScriptDirectory(str(ROOT / "civitas/migrations")).walk_revisions()
    for revision in reversed([script.revision for script in revisions]):
        database = Database(f"sqlite:///{file}")
        schema.upgrade(database, revision)
        found = inspect(database.engine)
        for name in set(found.get_table_names()) - {"alembic_version"}:
            columns = [column["name"] for column in found.get_columns(name)]
            try:
                backup_file.as_it_was(metadata, name, columns)
            except backup_file.NoBackup as refusal:
                unknown.append(f"{revision}: {refusal}")
        database.close()
    assert unknown == []
