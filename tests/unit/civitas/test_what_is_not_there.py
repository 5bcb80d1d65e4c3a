"""Every command says so when nobody and nothing has the name that it is given."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import click
import pytest
import typer.main
from typer.testing import CliRunner

from civitas import cli
from civitas.commands import console

runner = CliRunner()
WHY = "--reason=Seen by the patrol"
ACTS = ("suspend", "resume", "quarantine", "release", "transfer", "revoke", "decommission")

# Command → what is written after it, FILE a file that says nothing of use, NOWHERE none at all.
NOBODY: dict[str, list[tuple[str, ...]]] = {
    "audit verify": [("--known", "NOWHERE"), ("--known", "FILE"), ("--key", "junk"),
                     ("--witness", "junk"), ("--url", "nonsense"),
                     ("--url", "http://127.0.0.1:1", "--witness", "junk")],
    "backup": [("NOWHERE/in/it",), ("FILE",), ("new", "--person-keys", "NOWHERE/in/it")],
    "restore": [("NOWHERE",), ("FILE",)],
    "ca ban": [("NOWHERE",), ("FILE",), ("NOWHERE", "--dry-run")],
    "ca ceremony begin": [("FILE", "--city=X", "--country=EE", "--custodian=A", "--custodian=B",
                           "--threshold=9")],
    "ca ceremony renew": [("NOWHERE", "root"), ("FILE", "root")],
    "ca ceremony sign": [("NOWHERE", "FILE"), ("FILE", "FILE"), ("FILE", "NOWHERE")],
    "ca changeover finish": [("chg_nothing",)],
    "ca changeover pause": [("chg_nothing",)],
    "ca changeover plan": [("--to", "nonsense")],
    "ca changeover run": [("chg_nothing",)],
    "ca changeover undo": [("chg_nothing",)],
    "ca changeover watch": [("chg_nothing",)],
    "ca compromise": [("devices-9", "--yes"), ("nonsense", "--dry-run")],
    "ca crl": [("nonsense", "-o", "new"), ("devices-9", "-o", "new"),
               ("devices", "-o", "new", "--partition", "999"), ("devices", "-o", "NOWHERE/in/it")],
    "ca install": [("NOWHERE",), ("FILE",)],
    "ca issue": [("NOWHERE", "--profile=server", "--holder=x"),
                 ("FILE", "--profile=server", "--holder=x"),
                 ("FILE", "--profile=nonsense", "--holder=x")],
    "ca requests": [("-o", "NOWHERE/in/it")],
    "ca revoke": [("c0ffee", "--reason=superseded"), ("c0ffee", "--reason=nonsense"),
                  ("c0ffee", "--reason=superseded", "--dry-run"),
                  ("--holder=nobody", "--reason=superseded"),
                  ("--profile=nonsense", "--reason=superseded"),
                  ("--authority=nonsense", "--reason=superseded"),
                  ("--file=NOWHERE", "--reason=superseded"),
                  ("--file=FILE", "--reason=superseded")],
    "ca roll": [("nonsense",), ("nonsense", "--dry-run")],
    "citizens archive": [("per_nobody", WHY), ("per_nobody", WHY, "--dry-run")],
    "citizens import": [("NOWHERE",), ("FILE",)],
    "citizens recover": [("per_nobody", WHY), ("per_nobody", WHY, "--stop"),
                         ("per_nobody", WHY, "--dry-run")],
    "citizens resume": [("per_nobody", WHY), ("per_nobody", WHY, "--dry-run")],
    "citizens show": [("per_nobody", "--purpose=misuse"), ("per_nobody", "--purpose=nonsense")],
    "citizens suspend": [("per_nobody", WHY), ("per_nobody", WHY, "--dry-run")],
    "clients add": [("--name=L", "--scope=nonsense"), ("--name=L", "--grant=nonsense"),
                    ("--name=L", "--method=nonsense"),
                    ("--name=L", "--purpose=nonsense", "--redirect=https://l.example/cb"),
                    ("--name=L", "--method=private_key_jwt", "--jwks=NOWHERE"),
                    ("--name=L", "--method=private_key_jwt", "--jwks=FILE"),
                    ("--scope=openid",), ("--name=L", "--id-token-alg=nonsense"),
                    ("--name=L", "--for=nonsense"), ("--name=L", "--for=spring"),
                    ("--name=L", "--for=spring", "--url=l.example"),
                    ("--name=L", "--method=none", "--without-pkce",
                     "--redirect=https://l.example/cb")],
    "clients apply": [("NOWHERE",), ("FILE",), ("FILE", "--dry-run")],
    "clients change": [("svc_nobody", WHY, "--name=L"),
                       ("svc_nobody", WHY, "--name=L", "--dry-run"),
                       ("svc_nobody", WHY), ("svc_nobody", WHY, "--add-redirect=https://l.example/"),
                       ("svc_nobody", WHY, "--require-pkce=nonsense"),
                       ("svc_nobody", WHY, "--jwks=NOWHERE")],
    "clients invite": [("--note=x",), ("--note=x", "--uses=0"), ("--note=x", "--days=999")],
    "clients remove": [("svc_nobody", WHY), ("svc_nobody", WHY, "--yes"),
                       ("svc_nobody", WHY, "--dry-run")],
    "clients resume": [("svc_nobody", WHY)],
    "clients secret": [("svc_nobody", WHY)],
    "clients show": [("svc_nobody",)],
    "clients suspend": [("svc_nobody", WHY)],
    "clients testers": [("--add=per_nobody",), ("--end=per_nobody",)],
    "clients uninvite": [("iat_nothing",)],
    "devices add": [("--label=L", "--owner=citizen:per_nobody"),
                    ("--label=L", "--owner=X", "--profile=nonsense"),
                    ("--label=L", "--owner=X", "--identifier=nonsense=1")],
    "devices approve": [("dev-nothing", WHY)],
    "devices claim": [("dev-nothing", "--owner=X")],
    "devices show": [("dev-nothing",)],
    "devices token": [("dev-nothing",)],
    **{f"devices {act}": [("dev-nothing", WHY), ("dev-nothing", WHY, "--dry-run")]
       for act in ACTS},
    "documents import": [("NOWHERE", "--issuer=x"), ("FILE", "--issuer=x")],
    "incident change-role": [("stf_nobody", "--role=officer", WHY),
                             ("stf_nobody", "--role=nonsense", WHY)],
    "incident end-staff": [("stf_nobody", WHY)],
    "incident freeze-officer": [("stf_nobody", "--since=2026-03-01", WHY)],
    "incident recover-staff": [("stf_nobody", WHY)],
    "incident resume-client": [("svc_nobody", WHY)],
    "incident rotate-secret": [("svc_nobody", WHY)],
    "incident stop-client": [("svc_nobody", WHY)],
    "incident stop-person": [("per_nobody", WHY)],
    "incident stop-staff": [("stf_nobody", WHY)],
    "incident suspend-client": [("svc_nobody", WHY)],
    "letters again": [("bat_nothing",)],
    "letters print": [("--output=FILE",), ("--output=new", "--format=nonsense")],
    "notices letters": [("FILE",)],
    "person-keys move": [("--to=nonsense",), ("--to=sqlite:////nowhere/keys.db",)],
    "providers accredit": [("nonsense",), ("https://nobody.invalid",),
                           ("https://nobody.invalid", "--level=9")],
    "providers reinstate": [("https://nobody.invalid", WHY)],
    "providers suspend": [("https://nobody.invalid", WHY)],
    "providers withdraw": [("https://nobody.invalid", WHY)],
    "staff invite": [("--role=nonsense",)],
}  # fmt: skip
# Nothing is there to be changed: no letter, no notice, no other store.
NOTHING_TO_DO: dict[str, list[tuple[str, ...]]] = {
    "letters print": [("--output=new",)],
    "notices letters": [("new",)],
    "passkeys metadata": [()],
    "person-keys move": [("--to=sqlite:///person-keys.db",)],
}
OF_A_REGULATOR = ("providers accredit", "providers reinstate", "providers suspend",
                  "providers withdraw")  # fmt: skip
# They are given no name of anything that is here, or make what they name.
NAME_NOTHING = {
    "audit resume", "ca board",
    "ca ceremony rehearse", "ca changeover list", "ca list", "check", "clients export",
    "clients invitations", "clients list", "config check", "conformance", "db upgrade", "demo",
    "devices list", "documents kinds", "incident staff",
    "incident stop-everybody", "init", "letters list", "providers completion", "providers list",
    "routes", "serve", "tour", "work",
}  # fmt: skip
# A broker has no people, no things and no staff; a regulator has staff alone.
LACKING = {
    "regulator": ("citizens import", "citizens suspend", "citizens show", "devices list",
                  "devices show", "devices suspend", "devices add", "ca list", "ca revoke",
                  "ca changeover list", "clients list", "clients add", "clients show",
                  "letters list", "letters again", "incident suspend-client",
                  "incident stop-client"),
}  # fmt: skip


def commands(group: click.Command, path: str = "") -> list[str]:
    if not hasattr(group, "commands"):
        return [path.strip()]
    inner = group.commands.items()
    return [found for name, one in inner for found in commands(one, f"{path} {name}")]


def cases(table: dict[str, list[tuple[str, ...]]]) -> list[tuple[str, tuple[str, ...]]]:
    return [(command, words) for command, all_words in table.items() for words in all_words]


def test_every_command_is_tried_with_what_is_not_there_or_names_nothing() -> None:
    there_are = set(commands(typer.main.get_command(cli.command_line())))
    assert there_are - NAME_NOTHING == set(NOBODY) | set(NOTHING_TO_DO)
    assert there_are >= NAME_NOTHING


def made(folder: Path, governance: str) -> Path:
    config = folder / governance / "civitas.toml"
    words = ["init", "--config", str(config), "--development", "--governance", governance]
    done = runner.invoke(cli.command_line(), words)
    assert done.exit_code == 0, done.output
    return config


@pytest.fixture(scope="module")
def deployments(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Refusals change nothing, so one of each is enough for all of them."""
    folder = tmp_path_factory.mktemp("deployments")
    return {name: made(folder, name) for name in ("provider", "regulator")}


def rows_of(config: Path) -> dict[str, int]:
    """How many rows each table has, but for lists, which are made when they are asked for."""
    with sqlite3.connect(config.parent / "civitas.db") as database:
        tables = [row[0] for row in database.execute("select name from sqlite_master"
                                                     " where type = 'table'")]  # fmt: skip
        return {
            t: database.execute(f'select count(*) from "{t}"').fetchone()[0]
            for t in tables
            if t != "pki_revocation_lists"
        }


def ended(
    config: Path, command: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, folder: Path,
) -> tuple[int, str]:  # fmt: skip
    """Exit code, and what was said, of the program as it is installed."""
    file = folder / "file.txt"
    file.write_text("nothing of use\n")
    named = {"FILE": str(file), "NOWHERE": str(folder / "nowhere"), "new": str(folder / "new")}
    written = list(words)
    for name, place in named.items():
        written = [w.replace(name, place) if w.split("=")[-1].startswith(name) else w
                   for w in written]  # fmt: skip
    if not command.startswith("ca ceremony"):
        written += ["--config", str(config)]
    monkeypatch.setattr(sys, "argv", ["civitas", *command.split(), *written])
    monkeypatch.setattr(console.err, "_file", sys.stderr)
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr()
    return int(end.value.code or 0), said.err or said.out


@pytest.mark.parametrize(("command", "words"), cases(NOBODY) + cases(NOTHING_TO_DO))
def test_what_is_not_there_ends_with_a_sentence_and_a_code_and_leaves_all_as_it_was(
    deployments: dict[str, Path],
    command: str,
    words: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    config = deployments["regulator" if command in OF_A_REGULATOR else "provider"]
    before = rows_of(config)
    code, said = ended(config, command, words, capsys, monkeypatch, tmp_path)
    assert code in (1, 2), said
    assert len(said.split()) > 3, "a sentence"
    assert "Traceback" not in said
    assert rows_of(config) == before
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("model", "command"), [(model, one) for model, all_of in LACKING.items() for one in all_of]
)
def test_what_a_model_does_not_have_is_no_empty_list(
    deployments: dict[str, Path],
    model: str,
    command: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    words = NOBODY.get(command, [()])[0]
    code, said = ended(deployments[model], command, words, capsys, monkeypatch, tmp_path)
    assert code in (1, 2), said
    assert said.strip().endswith(".")
