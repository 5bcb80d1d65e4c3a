"""`civitas clients invite`: tokens by which services register themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from civitas.cli import command_line

app = command_line()
runner = CliRunner()


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("invitations") / "civitas.toml"
    done = runner.invoke(app, ["init", "--config", str(written), "--development"])
    assert done.exit_code == 0, done.output
    with written.open("a", encoding="utf-8") as file:
        file.write("\n[clients]\ndynamic_registration = true\n")
    return written


def run(config: Path, *arguments: str, code: int = 0) -> str:
    done = runner.invoke(app, ["clients", *arguments, "--config", str(config)])
    assert done.exit_code == code, done.output
    return done.output


def test_one_is_made_listed_without_its_value_and_ended(config: Path) -> None:
    words = ("--note", "Schools", "--uses", "3", "--days", "2")
    made = json.loads(run(config, "invite", *words, "--json"))
    assert made["registration_endpoint"] == "http://localhost:8000/oauth/register"
    assert len(made["initial_access_token"]) == 43
    printed = run(config, "invitations", "--json")
    assert made["initial_access_token"] not in printed
    (listed,) = json.loads(printed)
    assert (listed["note"], listed["uses_left"]) == ("Schools", 3)
    assert listed["expires_at"] == made["expires_at"]
    assert "Schools" in run(config, "invitations")
    assert "works no more" in run(config, "uninvite", made["id"])
    assert "There is no" in run(config, "uninvite", made["id"], code=1)
    assert json.loads(run(config, "invitations", "--json")) == []


def test_it_is_printed_for_a_person_too(config: Path) -> None:
    printed = run(config, "invite", "--note", "Clubs")
    assert "initial_access_token: " in printed
    assert "For 1 services, until " in printed


def test_what_is_less_strict_is_listed_with_what_it_costs(config: Path) -> None:
    run(config, "add", "--name", "Old", "--redirect", "https://old.example/cb", "--without-pkce")
    listed = json.loads(run(config, "list", "--json"))
    assert [one["relaxed"] for one in listed] == [["require_pkce"]]
    printed = " ".join(run(config, "list").split())
    assert "require_pkce: It may leave PKCE out" in printed
    shown = run(config, "show", listed[0]["client_id"])
    assert "Relaxed: require_pkce. It may leave PKCE out" in shown


def test_where_services_hear_of_sign_outs_is_switched_like_the_rest(config: Path) -> None:
    uri = "https://shop.example/out"
    words = ("--name", "Shop", "--redirect", "https://shop.example/cb", "--json")
    made = json.loads(run(config, "add", *words, f"--set=backchannel_logout_uri={uri}"))
    shown = json.loads(run(config, "show", made["client_id"], "--json"))
    assert shown["backchannel_logout_uri"] == uri
    change = ("change", made["client_id"], "--reason", "It was asked for")
    run(config, *change, "--set=backchannel_logout_uri=none",
        f"--set=frontchannel_logout_uri={uri}")  # fmt: skip
    shown = json.loads(run(config, "show", made["client_id"], "--json"))
    assert shown["backchannel_logout_uri"] == ""
    assert shown["frontchannel_logout_uri"] == uri
