"""`civitas clients apply`: the services of a file, with a difference, a dry run and pruning."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from civitas.cli import command_line

app = command_line()
runner = CliRunner()

LIBRARY = """
[clients.library]
for = "spring"
url = "https://library.example"
client_name = "Library [x]"
"""
POOL = """
[clients.pool]
client_name = "Pool"
redirect_uris = ["https://pool.example/cb"]
attribute_reasons = { email = "To tell you when the water is warm" }
scope = "openid email"
"""
SET = 'set = "town"\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    written = tmp_path / "civitas.toml"
    done = runner.invoke(app, ["init", "--config", str(written), "--development"])
    assert done.exit_code == 0, done.output
    return written


def run(config: Path, *arguments: str, code: int = 0, answer: str | None = None) -> str:
    done = runner.invoke(app, ["clients", *arguments, "--config", str(config)], input=answer)
    assert done.exit_code == code, done.output
    return done.output


def apply(config: Path, text: str, *more: str, code: int = 0, answer: str | None = None) -> str:
    file = config.parent / "clients.toml"
    file.write_text(text)
    return run(config, "apply", str(file), *more, code=code, answer=answer)


def listed(config: Path) -> dict[str, Any]:
    return {one["client_id"]: one for one in json.loads(run(config, "list", "--json"))}


def test_a_file_is_shown_done_and_changes_nothing_the_second_time(config: Path) -> None:
    looked_at = apply(config, SET + LIBRARY + POOL, "--dry-run")
    assert "+ library (Library [x])" in looked_at
    assert "2 would be added" in looked_at
    assert "secret:" not in looked_at
    assert not listed(config)
    assert apply(config, SET + LIBRARY + POOL).count("client_secret: ") == 2
    assert set(listed(config)) == {"library", "pool"}
    again = apply(config, SET + LIBRARY + POOL)
    assert "0 added, 0 changed, 0 removed, 2 as they were." in again
    assert "secret:" not in again


def test_a_change_is_shown_member_by_member_and_made(config: Path) -> None:
    apply(config, SET + POOL)
    wider = POOL.replace('cb"]', 'cb", "https://pool.example/new"]').replace("Pool", "Baths")
    shown = apply(config, SET + wider, "--dry-run")
    assert "~ pool (Baths)" in shown
    assert "client_name: Pool → Baths" in shown
    assert "redirect_uris: + https://pool.example/new" in shown
    assert "attribute_reasons" not in shown
    assert listed(config)["pool"]["name"] == "Pool"
    apply(config, SET + wider)
    assert listed(config)["pool"]["name"] == "Baths"
    more = SET + wider.replace('email"', 'email profile"')
    assert "scope: openid email → openid email profile" in apply(config, more)
    assert listed(config)["pool"]["scopes"] == ["email", "openid", "profile"]


def test_one_fault_anywhere_and_nothing_is_done_with_each_fault_at_its_place(config: Path) -> None:
    faulty = (
        SET
        + LIBRARY
        + POOL.replace("https://pool.example/cb", "http://pool.example/cb")
        + '[clients.a]\nclient_name = "A"\nnonsense = 1\n'
        + '[clients.b]\nclient_name = "B"\nredirect_uris = ["https://b.example/"]\nscope = "x y"\n'
    )
    said = apply(config, faulty, code=1)
    assert "line 10, clients.pool.redirect_uris: 'http://pool.example/cb'" in said
    assert "line 15, clients.a.nonsense: is not a known member" in said
    assert "clients.b.scope" in said
    assert "Nothing was changed." in said
    assert not listed(config)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = [", "is not TOML"),
        (LIBRARY, "set: is needed"),
        (SET + "[clients.pool]\nfor = 'nothing'", "There is no kind of service"),
        (SET + "[clients.pool]\nfor = 'spring'", "line 3, clients.pool.url"[8:]),
        (SET + "[clients.pool]\nurl = 'https://pool.example'", "beside for"),
        (SET + "[clients.'dev-1']\nclient_name = 'A'", "is the client_id"),
        (SET + "[clients.svc_1]\nclient_name = 'A'", "svc_… is a name that we make"),
        (SET + "[clients.a]\nclient_name = 'A'\ndeclared_in = 'x'", "is ours to say"),
        (SET + "[clients]\na = 3", "must be a table"),
        (SET + "[servers.a]\nname = 'A'", "servers: is not known here"),
    ],
)
def test_a_file_that_is_none_is_refused_by_its_place(config: Path, text: str, said: str) -> None:
    assert said in apply(config, text, code=1)
    assert not listed(config)


def test_only_what_this_file_made_is_removed_and_only_by_the_flag(config: Path) -> None:
    by_hand = json.loads(
        run(config, "add", "--json", "--name", "H", "--redirect", "https://h.example/cb")
    )["client_id"]
    apply(config, SET + LIBRARY + POOL)
    apply(config, 'set = "other"\n[clients.gym]\nclient_name = "G"\nscope = "access:evaluate"\n')
    fewer = SET + LIBRARY
    assert "pool stands in the file no more; --prune removes it." in apply(config, fewer)
    assert "pool" in listed(config)
    assert "- pool (Pool)" in apply(config, fewer, "--prune", "--dry-run")
    assert "pool" in listed(config)
    apply(config, fewer, "--prune", code=1, answer="n\n")
    assert "pool" in listed(config)
    apply(config, fewer, "--prune", "--yes")
    assert set(listed(config)) == {by_hand, "library", "gym"}
    assert "removed for good" in apply(config, SET + LIBRARY + POOL, code=1)


@pytest.mark.row("failures", "12")
def test_a_service_of_another_file_is_not_taken_over(config: Path) -> None:
    apply(config, SET + POOL)
    said = apply(config, 'set = "other"\n' + POOL.replace("Pool", "Mine"), code=1)
    assert "is declared by another file, of the set 'town'" in said
    assert listed(config)["pool"]["name"] == "Pool"


def test_a_service_that_no_file_made_is_changed_where_it_is_named_and_never_pruned(
    config: Path,
) -> None:
    service = json.loads(
        run(config, "add", "--json", "--name", "H", "--redirect", "https://h.example/cb")
    )["client_id"]
    named = (
        f'[clients.{service}]\nclient_name = "Hall"\nredirect_uris = ["https://h.example/cb"]\n'
        'scope = "openid"\n'
    )
    assert "client_name: H → Hall" in apply(config, SET + named)
    apply(config, SET, "--prune", "--yes")
    assert listed(config)[service]["name"] == "Hall"


def test_another_sector_is_asked_about(config: Path) -> None:
    apply(config, SET + POOL)
    moved = SET + POOL + 'sector = "town.example"\n'
    assert "knows nobody again" in apply(config, moved, code=1, answer="n\n")
    assert "1 changed" in apply(config, moved, "--yes")


def test_what_is_exported_is_what_is_registered(config: Path) -> None:
    apply(config, SET + LIBRARY + POOL)
    text = run(config, "export", "--set", "town")
    assert tomllib.loads(text)["set"] == "town"
    assert "secret" not in text.replace("client_secret_basic", "")
    assert "2 as they were" in apply(config, text)
    as_json = run(config, "export", "--set", "town", "--json")
    file = config.parent / "clients.json"
    file.write_text(as_json)
    assert "2 as they were" in run(config, "apply", str(file))


def test_kits_are_written_for_our_eyes_alone_and_nothing_is_written_over(config: Path) -> None:
    kits = config.parent / "kits"
    kits.mkdir()
    (kits / "library").mkdir()
    refused = apply(config, SET + LIBRARY, "--kits", str(kits), code=1)
    assert "exists already: nothing was changed" in refused.replace("\n", " ")
    assert not listed(config)
    (kits / "library").rmdir()
    printed = apply(config, SET + LIBRARY, "--kits", str(kits))
    assert "client_secret: " not in printed
    files = list((kits / "library").iterdir())
    assert any("client-secret: " in file.read_text() for file in files)
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
