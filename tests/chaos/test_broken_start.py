"""A start that cannot succeed stops with exit code 2 and one sentence that says what to do."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from civitas.cli import main
from foundation.master_key import MasterKey
from tests.support.deployments import ROOT, free_port

NOBODY = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound deployment; every test breaks a copy."""
    folder = tmp_path_factory.mktemp("sound")
    run = subprocess.run(
        [
            sys.executable, "-m", "civitas", "init", "--development",
            "--config", str(folder / "civitas.toml"),
            "--url", f"http://localhost:{free_port()}",
            "--tls-url", f"https://localhost:{free_port()}",
        ],
        cwd=ROOT, check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return folder


@pytest.fixture
def deployment(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "deployment")


Break = Callable[[Path], None]


def written(old: str, new: str) -> Break:
    def change(folder: Path) -> None:
        file = folder / "civitas.toml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    return change


def revision(number: str) -> Break:
    def change(folder: Path) -> None:
        with sqlite3.connect(folder / "civitas.db") as connection:
            connection.execute("update alembic_version set version_num = ?", [number])

    return change


def gone(pattern: str) -> Break:
    def change(folder: Path) -> None:
        for file in list(folder.glob(pattern)):
            file.unlink()

    return change


def content(name: str, text: str) -> Break:
    def change(folder: Path) -> None:
        (folder / name).write_text(text)

    return change


def another_key(folder: Path) -> None:
    (folder / "master.key").unlink()
    MasterKey.create(folder / "master.key")


def readable_key(folder: Path) -> None:
    (folder / "master.key").chmod(0o644)


def no_database(folder: Path) -> None:
    gone("civitas.db*")(folder)
    (folder / "civitas.db").write_text("this is not a database, whatever its name says")


BROKEN: dict[str, tuple[Break, str]] = {
    "no configuration": (gone("civitas.toml"), "civitas init"),
    "not TOML": (content("civitas.toml", "x = ["), "mend that line"),
    "an unknown key": (written("listen =", "lisen ="), "write one of"),
    "an unknown section": (written("[vault]", "[volt]"), "write one of"),
    "a word for a URL": (written('url = "http:', 'url = "gopher:'), "write an origin"),
    "http without leave": (written("loopback_http = true", "loopback_http = false"), "https"),
    "an unknown model": (written('"provider"', '"king"'), "provider"),
    "no such time zone": (written('"UTC"', '"Mars/Base"'), "IANA"),
    "a database of another kind": (written("sqlite:///civitas.db", "mysql://x/y"), "sqlite:///"),
    "no URL of a database": (written("sqlite:///civitas.db", "civitas.db"), "sqlite:///"),
    "an unreachable database": (written("sqlite:///civitas.db", NOBODY), "start it"),
    "a file that is no database": (no_database, "[database] url"),
    "an empty database": (gone("civitas.db*"), "civitas init"),
    "an older schema": (revision("0000"), "civitas db upgrade"),
    "a newer schema": (revision("9999"), "newer Civitas"),
    "unreachable person keys": (written("sqlite:///person-keys.db", NOBODY), "[vault] keys"),
    "lost person keys": (gone("person-keys.db*"), "restore them"),
    "no master key": (gone("master.key"), "civitas init"),
    "a damaged master key": (content("master.key", "hello"), "civitas init"),
    "the master key of another": (another_key, "put the right key there"),
    "a master key for all to read": (readable_key, "chmod 600"),
    "no certificate": (gone("tls/*"), "civitas init"),
    "a port that is none": (written('listen = "127.0.0.1:', 'listen = "127.0.0.1:9'), "host:port"),
}
BEFORE_SERVING = [name for name in BROKEN if name != "no certificate"]


def sentence(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> str:
    """What the command said on standard error; it must be one line, with exit code 2."""
    monkeypatch.setattr("civitas.commands.serve.configure_logging", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["civitas", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert ended.value.code == 2, said
    assert said.err.count("\n") == 1, said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    return said.err


@pytest.mark.parametrize(("break_it", "advice"), BROKEN.values(), ids=BROKEN)
def test_a_broken_start_says_in_one_sentence_what_to_do(
    deployment: Path,
    break_it: Break,
    advice: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    break_it(deployment)
    config = str(deployment / "civitas.toml")
    assert advice in sentence(["serve", "--config", config], capsys, monkeypatch)


@pytest.mark.parametrize(("break_it", "advice"), BROKEN.values(), ids=BROKEN)
def test_a_check_of_the_configuration_says_it_before_the_start(
    deployment: Path,
    break_it: Break,
    advice: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    break_it(deployment)
    config = str(deployment / "civitas.toml")
    check = ["config", "check", "--connect", "--config", config]
    assert advice in sentence(check, capsys, monkeypatch)


@pytest.mark.parametrize("name", BEFORE_SERVING)
def test_the_other_commands_say_the_same(
    deployment: Path,
    name: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    break_it, advice = BROKEN[name]
    break_it(deployment)
    config = str(deployment / "civitas.toml")
    for command in (
        ["audit", "verify"],
        ["clients", "list"],
        ["staff", "invite", "--role=officer"],
    ):
        assert advice in sentence([*command, "--config", config], capsys, monkeypatch)


def test_an_occupied_port_says_so(
    deployment: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as occupied:
        occupied.bind(("127.0.0.1", 0))
        occupied.listen()
        here = f'listen = "127.0.0.1:{occupied.getsockname()[1]}"\n#'
        written('listen = "', f"{here} = ")(deployment)
        config = str(deployment / "civitas.toml")
        said = sentence(["serve", "--config", config], capsys, monkeypatch)
    assert "stop what listens there" in said


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "nonsense"])
def test_an_address_that_does_not_answer_says_so(
    address: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = sentence(["audit", "verify", "--url", address], capsys, monkeypatch)
    assert "does not answer" in said


def test_a_broken_start_of_the_real_process_shows_no_traceback(deployment: Path) -> None:
    gone("civitas.db*")(deployment)
    config = str(deployment / "civitas.toml")
    ended = subprocess.run(
        [sys.executable, "-m", "civitas", "serve", "--config", config],
        cwd=ROOT, check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "civitas init" in ended.stderr
