"""Set-up says what is missing and what to do; what is ready it leaves alone."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.deployments import ROOT


def loaded() -> ModuleType:
    """scripts/setup.py, which is no package's: it runs before anything is installed."""
    specification = importlib.util.spec_from_file_location(
        "civitas_setup", ROOT / "scripts/setup.py"
    )
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """It for a checkout in the test's folder, which forgets to run anything."""
    module = loaded()
    for name in ("requirements/runtime.txt", "requirements/dev.txt", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    commands: list[list[str]] = []

    def run(command, **_):
        commands.append(list(command))
        program = tmp_path / ".venv" / "bin" / "civitas"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.touch()

    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(module, "told_to_pip", lambda _python: "")
    monkeypatch.setattr(module, "plain_loops", lambda _python: 1.0)
    module.commands = commands
    return module


def test_a_second_run_only_compiles_what_changed(setup: ModuleType) -> None:
    assert setup.main(["demo"]) == 0
    first = len(setup.commands)
    assert setup.main(["demo"]) == 0
    again = setup.commands[first:]
    assert first > 1
    assert ["compileall" in command for command in again] == [True]


def test_packages_come_by_uv_which_is_told_what_pip_was_told(
    setup: ModuleType, tmp_path: Path
) -> None:
    said = (
        "global.index-url='https://mirror.example/simple'\n:env:.timeout='90'\n"
        f":env:.find-links='/not/there {tmp_path}'\nglobal.cert='/etc/ca.pem'\n"
    )
    assert setup.as_told_to_uv(said) == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_HTTP_TIMEOUT": "90",
        "UV_FIND_LINKS": str(tmp_path),
        "SSL_CERT_FILE": "/etc/ca.pem",
    }
    setup.main(["demo"])
    assert any(command[0].endswith("/uv") for command in setup.commands)


@pytest.mark.parametrize("said", ["global.proxy='http://proxy.example:3128'", "install.user='yes'"])
def test_pip_does_what_cannot_be_told_to_uv(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setattr(setup, "told_to_pip", lambda _python: said)
    setup.main(["demo"])
    assert not any(command[0].endswith("/uv") for command in setup.commands)
    assert any("requirements/runtime.txt" in command for command in setup.commands)


def test_pip_goes_on_where_uv_does_not_come(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = setup.run

    def without_uv(command, **more):
        run(command, **more)
        if command[-1] == setup.INSTALLER:
            raise setup.Stop("It did not come.")

    monkeypatch.setattr(setup, "run", without_uv)
    assert setup.main(["demo"]) == 0
    (installed,) = (c for c in setup.commands if c[-1] == "requirements/runtime.txt")
    assert installed[1:4] == ["-m", "pip", "install"]


@pytest.mark.parametrize(
    ("own", "other", "taken"),
    [(1.0, 0.7, "other"), (1.0, 0.99, "own"), (0.7, 1.0, "own"), (1.0, None, "own")],
)
def test_the_faster_python_is_taken_and_said(
    setup: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    own: float,
    other: float | None,
    taken: str,
) -> None:
    monkeypatch.setattr(setup, "SYSTEM_PYTHONS", ("/other/python3",))
    times = {sys.executable: own, "/other/python3": other}
    monkeypatch.setattr(setup, "plain_loops", times.get)
    setup.main(["demo"])
    expected = {"own": sys.executable, "other": "/other/python3"}[taken]
    assert setup.commands[0][:3] == [expected, "-m", "venv"]
    assert ("1.43 times as fast" in capsys.readouterr().out) == (taken == "other")


def test_who_names_a_python_gets_that_one(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "plain_loops", {sys.executable: 9.0, "/usr/bin/python3": 1.0}.get)
    setup.main(["demo", "--this-python"])
    assert setup.commands[0][0] == sys.executable


def test_loops_are_timed_and_what_is_no_python_of_this_version_is_left_out(
    tmp_path: Path,
) -> None:
    plain_loops = loaded().plain_loops
    assert 0 < plain_loops(sys.executable) < 60
    assert plain_loops("/bin/false") is None
    assert plain_loops(str(tmp_path / "nothing")) is None


def test_what_the_tests_need_includes_what_the_demo_needs(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "missing_parts", list)
    assert setup.main(["tests"]) == 0
    assert setup.installed("demo")


@pytest.mark.parametrize("changed", ["requirements/runtime.txt", "pyproject.toml"])
def test_a_changed_lock_or_project_installs_again(setup: ModuleType, changed: str) -> None:
    assert setup.main(["demo"]) == 0
    (setup.ROOT / changed).write_text("changed")
    assert not setup.installed("demo")


def test_packages_are_installed_by_hash_alone(setup: ModuleType) -> None:
    assert setup.main(["demo"]) == 0
    installs = [" ".join(command) for command in setup.commands if "install" in command]
    assert all("--require-hashes" in each or "--no-index" in each for each in installs)


def test_the_demo_asks_nothing_of_the_system(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "missing_parts", lambda: ["chromium"])
    assert setup.main(["demo"]) == 0
    assert not any("apt-get" in command for command in setup.commands)


def test_a_part_that_is_no_program_is_looked_for_as_a_file(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plugin = tmp_path / "plugin.so"
    monkeypatch.setattr(setup, "SYSTEM_PARTS", {str(plugin): "plugins", "sh": "dash"})
    assert setup.missing_parts() == ["plugins"]
    plugin.touch()
    assert setup.missing_parts() == []


def test_without_the_right_to_install_it_names_the_one_command(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup, "missing_parts", lambda: ["chromium", "softhsm2"])
    monkeypatch.setattr(setup, "privilege", lambda: None)
    monkeypatch.setattr(setup.shutil, "which", lambda name, path=None: f"/usr/bin/{name}")
    assert setup.main(["tests"]) == 1
    assert (
        "as root run: apt-get install --no-install-recommends chromium softhsm2"
        in capsys.readouterr().err
    )
    assert setup.commands == []


def test_an_old_python_is_told_which_to_use(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup, "OLDEST", (4, 0))
    assert setup.main(["demo"]) == 1
    assert "PYTHON=" in capsys.readouterr().err


def test_an_unknown_purpose_is_refused(setup: ModuleType) -> None:
    assert setup.main(["everything"]) == 2
