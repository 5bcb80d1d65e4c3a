"""`civitas clients`: a service from its first day to its last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from civitas.cli import command_line

app = command_line()

runner = CliRunner()
WHY = ("--reason", "It was asked for")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("clients") / "civitas.toml"
    done = runner.invoke(app, ["init", "--config", str(written), "--development"])
    assert done.exit_code == 0, done.output
    return written


def run(config: Path, *arguments: str, code: int = 0, answer: str | None = None) -> str:
    done = runner.invoke(app, ["clients", *arguments, "--config", str(config)], input=answer)
    assert done.exit_code == code, done.output
    return done.output


def added(config: Path, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(config, "add", "--json", *arguments))
    return found


def shown(config: Path, client_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(config, "show", client_id, "--json"))
    return found


def test_a_well_known_program_gets_its_configuration(config: Path) -> None:
    printed = run(config, "add", "--for", "spring", "--name", "L [x]", "--url", "https://l.example")
    assert "id_token_signed_response_alg: RS256" in printed
    assert "redirect_uris: https://l.example/login/oauth2/code/civitas" in printed
    assert "client-secret: " in printed
    assert "It signs people in, for: identity.sign-in." in printed
    as_json = added(config, "--for", "keycloak", "--name", "K", "--url", "https://k.example")
    (first, *_) = as_json["files"]
    assert json.loads(first["text"])["config"]["clientSecret"] == as_json["client_secret"]
    assert "django" in run(config, "add", "--for", "list")


def test_what_will_not_work_as_it_looks_is_said(config: Path) -> None:
    words = ("--name", "L", "--redirect", "https://l.example/cb", "--scope", "openid address")
    assert "Look at this: None of its purposes has a use for what the scope address" in run(
        config, "add", *words
    )


def test_a_service_changes_and_says_what_follows(config: Path) -> None:
    service = added(config, "--name", "L", "--redirect", "https://l.example/cb")["client_id"]
    more = ("--add-redirect", "https://l.example/new", "--audience", "https://api.example/")
    tried = run(config, "change", service, *WHY, *more, "--dry-run")
    assert "would be changed: redirect_uris, audiences" in tried
    assert shown(config, service)["audiences"] == []
    run(config, "change", service, *WHY, *more, "--name", "Library", "--resource", "urn:l")
    now = shown(config, service)
    assert now["redirect_uris"] == ["https://l.example/cb", "https://l.example/new"]
    assert (now["audiences"], now["resource"]) == (["https://api.example/"], "urn:l")
    assert now["name"] == "Library"
    run(config, "change", service, *WHY, "--resource", "none", "--audience", "none")
    assert shown(config, service)["resource"] is None
    assert "already" in run(config, "change", service, *WHY, "--name", "Library", code=1)


def test_another_sector_is_asked_about(config: Path) -> None:
    service = added(config, "--name", "L", "--redirect", "https://l.example/cb")["client_id"]
    moved = ("change", service, *WHY, "--redirect", "https://m.example/cb")
    assert "knows nobody again" in run(config, *moved, code=1, answer="n\n")
    assert shown(config, service)["sector"] == "l.example"
    run(config, *moved, "--sector", "l.example")
    run(config, "change", service, *WHY, "--sector", "city.example", "--yes")
    assert shown(config, service)["sector"] == "city.example"


def test_a_service_is_suspended_resumed_and_gets_another_secret(config: Path) -> None:
    service = added(config, "--name", "L", "--redirect", "https://l.example/cb")
    name = service["client_id"]
    run(config, "suspend", name, *WHY)
    assert shown(config, name)["state"] == "suspended"
    assert "suspended already" in run(config, "suspend", name, *WHY, code=1)
    run(config, "resume", name, *WHY)
    assert "served already" in run(config, "resume", name, *WHY, code=1)
    new = json.loads(run(config, "secret", name, *WHY, "--json"))["client_secret"]
    assert new != service["client_secret"]
    assert shown(config, name)["old_secret_until"] is not None


def test_a_service_is_removed_after_a_question_and_for_good(config: Path) -> None:
    service = added(config, "--name", "L", "--redirect", "https://l.example/cb")["client_id"]
    assert "cannot be brought back" in run(config, "remove", service, *WHY, code=1, answer="n\n")
    assert "If you go on" in run(config, "remove", service, *WHY, "--dry-run")
    assert shown(config, service)["state"] == "active"
    run(config, "remove", service, *WHY, answer="y\n")
    assert service not in run(config, "list", "--json")
    for act in ("show", "suspend", "resume", "remove"):
        words = () if act == "show" else WHY
        assert "was removed" in run(config, act, service, *words, code=1)


PUSHED = "require_pushed_authorization_requests"
TYPES = "authorization_details_types"


def test_what_can_be_switched_is_set_shown_and_set_back(config: Path) -> None:
    words = ("--name", "L", "--redirect", "https://l.example/cb", "--set", f"{PUSHED}=yes")
    service = added(config, *words)["client_id"]
    assert shown(config, service)[PUSHED] == "yes"
    sets = (f"{PUSHED}=no", "dpop_bound_access_tokens=yes", f"{TYPES}=city_payment parking_permit")
    more = [word for one in sets for word in ("--set", one)]
    run(config, "change", service, *WHY, *more)
    now = shown(config, service)
    assert (now[PUSHED], now["dpop_bound_access_tokens"]) == ("no", "yes")
    assert now[TYPES] == "city_payment parking_permit"
    run(config, "change", service, *WHY, "--set", f"{TYPES}=none")
    assert shown(config, service)[TYPES] == ""


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (f"{PUSHED}=perhaps", "write one of yes, no"),
        ("everything=yes", "there are profile, "),
        ("profile=fapi9", "write one of none, fapi2-security"),
        (f"{TYPES}=nuclear_launch", "nuclear_launch"),
        ("profile=fapi2-security", "jwks"),
    ],
)
def test_what_cannot_be_set_is_said(config: Path, written: str, said: str) -> None:
    words = ("--name", "L", "--redirect", "https://l.example/cb", "--set", written)
    assert said in " ".join(run(config, "add", *words, code=1).split())
