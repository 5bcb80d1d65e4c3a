"""The command line: help and an example everywhere, JSON where a program reads, one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
import typer.main
from starlette.routing import Route
from typer.testing import CliRunner

from civitas import governance
from civitas.app import serve_deployment
from civitas.cli import command_line
from civitas.commands.routes import endpoints
from civitas.configuration import settings_of
from foundation import secret_file

app = command_line()

runner = CliRunner()


def commands(group: click.Command, path: str = "") -> list[tuple[str, click.Command]]:
    if not hasattr(group, "commands"):
        return [(path.strip(), group)]
    return [
        found
        for name, inner in group.commands.items()
        for found in commands(inner, f"{path} {name}")
    ]


@pytest.mark.parametrize(("name", "command"), commands(typer.main.get_command(app)))
def test_every_command_has_help_and_an_example(name: str, command: click.Command) -> None:
    assert command.help
    assert "Example: `civitas" in command.help, name
    for parameter in command.params:
        if parameter.name != "help":
            assert getattr(parameter, "help", ""), f"{name} {parameter.name}"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    written = tmp_path / "civitas.toml"
    done = runner.invoke(app, ["init", "--config", str(written), "--development"])
    assert done.exit_code == 0, done.output
    return written


def test_init_lays_the_person_keys_beside_a_database_of_one_file(tmp_path: Path) -> None:
    config, state = tmp_path / "civitas.toml", tmp_path / "state"
    state.mkdir()
    done = runner.invoke(
        app,
        ["init", "--config", str(config), "--development",
         "--database", f"sqlite:///{state}/civitas.db"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert {file.name for file in state.iterdir()} == {"civitas.db", "person-keys.db", "audit-mark"}


def test_init_makes_the_master_key_once_and_keeps_what_exists(config: Path) -> None:
    key = secret_file.read(config.parent / "master.key", "key")
    assert (config.parent / "master.key").stat().st_mode & 0o777 == 0o600
    again = runner.invoke(app, ["init", "--config", str(config), "--development"])
    assert again.exit_code == 0, again.output
    assert secret_file.read(config.parent / "master.key", "key") == key


@pytest.mark.parametrize(
    "wrong",
    [
        ("--country", "zzz"),
        ("--governance", "broker"),
        ("--time-zone", "Moon"),
        ("--url", "http://id.example.city"),
        ("--database", "mysql://x/y"),
        ("--database", "sqlite:////nowhere/civitas.db"),
        ("--regulator", "http://127.0.0.1:1"),
    ],
    ids=" ".join,
)
def test_an_init_that_is_refused_leaves_nothing_behind(
    tmp_path: Path, wrong: tuple[str, str]
) -> None:
    config = tmp_path / "new" / "civitas.toml"
    refused = runner.invoke(app, ["init", "--config", str(config), "--development", *wrong])
    assert refused.exit_code != 0
    assert not list(config.parent.rglob("*"))
    mended = runner.invoke(app, ["init", "--config", str(config), "--development"])
    assert mended.exit_code == 0, mended.output
    assert config.stat().st_mode & 0o777 == 0o640
    made = {"civitas.toml", "civitas.db", "person-keys.db", "master.key", "audit-mark"}
    assert {file.name for file in config.parent.iterdir()} == made


def test_routes_tells_of_every_endpoint_of_the_running_application(config: Path) -> None:
    settings = settings_of(config)
    deployment = governance.assemble(settings)
    told = {(m, e.path) for e in endpoints(deployment) for m in e.methods.split(",")}
    served = set()
    for route in serve_deployment(deployment).routes:
        if isinstance(route, Route):
            methods = (route.methods or set()) - {"HEAD"}
            served |= {(method, route.path) for method in methods}
    deployment.runtime.close()
    assert told == served - {("GET", "/openapi.json")}


def test_routes_leads_to_the_file_that_answers(config: Path) -> None:
    done = runner.invoke(app, ["routes", "--config", str(config), "--json"])
    found = json.loads(done.output)
    revoke = next(e for e in found if e["path"] == "/oauth/revoke")
    assert revoke["file"].startswith("idp/oauth/endpoints/revoke.py:")
    assert all(not e["file"].startswith("/") for e in found), "an endpoint outside the project"


@pytest.mark.parametrize("model", [None, "provider", "regulator", "broker"])
def test_routes_needs_no_deployment(
    model: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = runner.invoke(app, ["routes", "--json", *(["--governance", model] if model else [])])
    assert done.exit_code == 0, done.output
    paths = {e["path"] for e in json.loads(done.stdout)}
    assert ("/oauth/authorize" in paths) == (model != "regulator")
    assert not list(tmp_path.iterdir()), "nothing is made"


@pytest.mark.parametrize("model", ["provider", "regulator", "broker"])
def test_each_model_has_routes_of_its_own(tmp_path: Path, model: str) -> None:
    written = tmp_path / "civitas.toml"
    more = ["--regulator", "http://localhost:1"] if model == "broker" else []
    settings = f"""
        [server]
        url = "http://localhost:8000"
        [jurisdiction]
        governance = "{model}"
        {'regulator = "http://localhost:8002"' if more else ""}
        [development]
        loopback_http = true
        [keys]
        master_key = "file:master.key"
        """
    written.write_text(settings)
    done = runner.invoke(app, ["init", "--config", str(written)])
    assert done.exit_code == 0, done.output
    deployment = governance.assemble(settings_of(written))
    paths = {route.path for group in deployment.routes.values() for route in group}
    deployment.runtime.close()
    assert ("/oauth/authorize" in paths) == (model != "regulator")
    assert ("/desk" in paths) == (model == "provider")
    assert ("/regulator" in paths) == (model == "regulator")
    assert ("/.well-known/est/simpleenroll" in paths) == (model == "provider")
    assert "/audit/checkpoint" in paths


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("serve", "--config", "none.toml"), "civitas init"),
        (("init", "--development", "--config", "/proc/none/civitas.toml"), "/proc/none cannot"),
    ],
)
def test_a_refusal_is_one_sentence_and_no_trace(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "civitas", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
