"""The master key: where it may come from, and what stops a start."""

import os
import pickle
from pathlib import Path

import pytest

from foundation.clock import FrozenClock
from foundation.keys import Keys, KeySettings
from foundation.master_key import MasterKey
from foundation.runtime import open_database
from foundation.settings import Settings, SettingsError
from tests.support import deployments


def test_a_created_key_is_loaded_again_from_a_file_of_mode_0600(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    made = MasterKey.create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    loaded = MasterKey.load("file:master.key", tmp_path)
    assert loaded.derive("a purpose") == made.derive("a purpose")
    assert loaded.check_value() == made.check_value()


def test_an_existing_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    MasterKey.create(path)
    before = path.read_bytes()
    with pytest.raises(SettingsError, match="never overwritten"):
        MasterKey.create(path)
    assert path.read_bytes() == before


def test_a_dangling_link_is_not_followed_when_a_key_is_made(tmp_path: Path) -> None:
    (tmp_path / "master.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SettingsError):
        MasterKey.create(tmp_path / "master.key")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601])
def test_a_key_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "master.key"
    MasterKey.create(path)
    path.chmod(mode)
    with pytest.raises(SettingsError, match=f"{mode:04o}.*chmod 600"):
        MasterKey.load(f"file:{path}")


def test_a_key_file_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "master.key"
    MasterKey.create(path)
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    with pytest.raises(SettingsError, match="chown"):
        MasterKey.load(f"file:{path}")


@pytest.mark.parametrize(
    "content",
    [b"", b"secret", b"civitas-master-key-1:", b"civitas-master-key-1:AAAA\n", b"\xff" * 64],
)
def test_a_file_that_is_no_master_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SettingsError, match="master key"):
        MasterKey.load(f"file:{path}")


@pytest.mark.row("assurance", "X.1253-9.1-6")
def test_a_missing_key_file_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="civitas init"):
        MasterKey.load("file:nowhere.key", tmp_path)


@pytest.mark.parametrize("source", ["", "file:", "env:KEY", "0123456789abcdef", "credential:"])
def test_an_unknown_source_is_refused(source: str) -> None:
    with pytest.raises(SettingsError, match="file:PATH, credential:NAME or a pkcs11: URI"):
        MasterKey.load(source)


def test_a_credential_of_the_service_manager_is_read(tmp_path: Path) -> None:
    made = MasterKey.create(tmp_path / "civitas-master")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    loaded = MasterKey.load("credential:civitas-master", environ=environ)
    assert loaded.check_value() == made.check_value()


@pytest.mark.parametrize(
    ("source", "environ", "says"),
    [
        ("credential:key", {}, "LoadCredential=key"),
        ("credential:key", {"CREDENTIALS_DIRECTORY": "/nonexistent"}, "cannot be read"),
        ("credential:../key", {"CREDENTIALS_DIRECTORY": "/tmp"}, "not a path"),
    ],
)
def test_a_credential_that_cannot_be_had_says_why(
    source: str, environ: dict[str, str], says: str
) -> None:
    with pytest.raises(SettingsError, match=says):
        MasterKey.load(source, environ=environ)


@pytest.mark.rfc("5869", "2")
def test_purposes_give_independent_keys(tmp_path: Path) -> None:
    key = MasterKey.create(tmp_path / "k")
    assert len({key.derive(f"purpose {n}") for n in range(50)}) == 50
    assert all(len(key.derive(f"purpose {n}")) == 32 for n in range(50))


def test_a_master_key_neither_prints_nor_pickles_itself(tmp_path: Path) -> None:
    key = MasterKey.create(tmp_path / "k")
    assert repr(key) == f"MasterKey('file:{tmp_path / 'k'}')"
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_another_master_key_stops_the_start_with_a_sentence(
    settings: Settings, tmp_path: Path
) -> None:
    runtime = deployments.build_runtime(settings, FrozenClock(deployments.START))
    try:
        runtime.keys.check()
        MasterKey.create(tmp_path / "other.key")
        changed = settings.with_sections(KeySettings(master_key="file:other.key"))
        other = Keys.load(changed, runtime.database, runtime.clock)
        with pytest.raises(SettingsError, match="not the one that this database was made with"):
            other.check()
        with pytest.raises(SettingsError, match="not the one"):
            other.prepare()  # a second `init` does not adopt the database either
    finally:
        runtime.close()


def test_a_database_without_master_key_names_init(settings: Settings) -> None:
    database = open_database(settings)
    deployments.make_tables(database)
    MasterKey.create(settings.path.parent / "master.key")
    keys = Keys.load(settings, database, FrozenClock(deployments.START))
    with pytest.raises(SettingsError, match="civitas init"):
        keys.check()
    database.close()
