"""A backup is one file; restored into either database, the city goes on as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner, Result

from civitas.cli import app
from civitas.configuration import settings_of
from civitas.residents import as_csv, residents
from foundation.ground import open_database
from foundation.vault import vault_metadata
from idp.register.tables import persons

runner = CliRunner()
PEOPLE = 12


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
    city: Path, tmp_path: Path, postgres_url: str
) -> None:
    database, keys = tmp_path / "city.backup", tmp_path / "keys.backup"
    run("backup", str(database), "--config", str(city))
    run("backup", str(keys), "--person-keys", "--config", str(city))
    moved = city.parent.parent / "new" / "civitas.toml"
    moved.parent.mkdir()
    old = city.read_text()
    moved.write_text(
        old.replace('url = "sqlite:///civitas.db"', f'url = "{postgres_url}"')
        .replace('keys = "sqlite:///person-keys.db"',
                 f'keys = "{postgres_url}"\nschema_name = "person_keys"')
    )  # fmt: skip
    (moved.parent / "master.key").write_bytes((city.parent / "master.key").read_bytes())
    (moved.parent / "master.key").chmod(0o600)
    run("restore", str(database), "--config", str(moved))
    run("restore", str(keys), "--person-keys", "--config", str(moved))
    run("audit", "verify", "--config", str(moved))
    restored = open_database(settings_of(moved))
    with restored.read() as uow:
        row = uow.one(select(func.count()).select_from(persons))
    restored.close()
    assert row is not None
    assert row[0] == PEOPLE
    run("restore", str(database), "--config", str(moved), code=2)


def test_no_backup_of_the_database_holds_a_person_key(city: Path, tmp_path: Path) -> None:
    file = tmp_path / "city.backup"
    run("backup", str(file), "--config", str(city))
    content = file.read_bytes()
    store = open_database(settings_of(city))
    store.close()
    import sqlite3

    with sqlite3.connect(city.parent / "person-keys.db") as keys:
        table = next(iter(vault_metadata.tables))
        wrapped = [row[0] for row in keys.execute(f"SELECT wrapped FROM {table}")]
    assert len(wrapped) == PEOPLE
    assert not any(key in content for key in wrapped)


def test_an_existing_file_is_never_overwritten(city: Path, tmp_path: Path) -> None:
    file = tmp_path / "city.backup"
    file.write_text("precious")
    assert "exists" in run("backup", str(file), "--config", str(city), code=2).output
    assert file.read_text() == "precious"


def test_a_foreign_file_and_the_wrong_store_are_refused(city: Path, tmp_path: Path) -> None:
    file = tmp_path / "city.backup"
    run("backup", str(file), "--config", str(city))
    empty = found(tmp_path / "empty")
    run("restore", str(file), "--person-keys", "--config", str(empty), code=2)
    (tmp_path / "foreign").write_bytes(b"")
    run("restore", str(tmp_path / "foreign"), "--config", str(empty), code=2)
    run("restore", str(tmp_path / "missing"), "--config", str(empty), code=2)
