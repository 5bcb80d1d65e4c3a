"""`civitas ca` from the outside: a city with an offline root, and the days on which one acts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from typer.testing import CliRunner

from civitas.cli import command_line
from tests.support.devices import csr, key_usage, new_key

app = command_line()

runner = CliRunner()


def civitas(
    *arguments: str, config: Path | None = None, said: str = "", fails: bool = False
) -> str:
    more = ["--config", str(config)] if config is not None else []
    done = runner.invoke(app, [*arguments, *more], input=said)
    assert (done.exit_code != 0) == fails, done.output
    return done.output


def read(*arguments: str, config: Path) -> Any:
    return json.loads(civitas(*arguments, "--json", config=config))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    written = tmp_path / "civitas.toml"
    civitas("init", "--development", config=written)
    return written


def test_a_city_with_an_offline_root_from_init_to_its_first_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIVITAS_PKI__ROOT", "offline")
    config, box, words = tmp_path / "civitas.toml", tmp_path / "box", tmp_path / "words"
    civitas("init", "--development", config=config)
    asked, answer = str(tmp_path / "requests.json"), str(tmp_path / "answer.pem")
    printed = civitas("ca", "requests", "-o", asked, config=config)
    jurisdiction = json.loads(Path(asked).read_text())
    civitas(
        "ca", "ceremony", "begin", str(box), "--city", jurisdiction["city"],
        "--country", jurisdiction["country"], "--words-to", str(words),
        "--custodian", "A. Tamm", "--custodian", "B. Kask", "--custodian", "C. Saar",
    )  # fmt: skip
    two = ["--words", str(words / "custodian-1.txt"), "--words", str(words / "custodian-3.txt")]
    sign = ["ca", "ceremony", "sign", str(box), asked, "-o", answer, *two]
    shown = civitas(*sign, said="n\n", fails=True)
    digest = printed.split("SHA-256 ")[1].split(";")[0]
    assert digest in shown, "both ends print the same digest"
    assert not Path(answer).exists()
    civitas(*sign, "--yes")
    assert "new here" in civitas("ca", "install", answer, config=config, fails=True)
    roots = [
        c.fingerprint(hashes.SHA256()).hex()
        for c in x509.load_pem_x509_certificates(Path(answer).read_bytes())
        if c.subject == c.issuer
    ]
    named = [part for root in roots for part in ("--root", root)]
    civitas("ca", "install", answer, *named, config=config)
    listed = {one["authority"]: one for one in read("ca", "list", config=config)}
    assert listed["root-1"]["key"] == "elsewhere"
    assert listed["devices-1"]["signs"]
    request = tmp_path / "card.csr"
    stock = key_usage(digital_signature=True, content_commitment=True)
    request.write_bytes(csr(new_key(), None, (stock, False)))
    issued = read("ca", "issue", str(request), "--profile", "citizen-signature",
                  "--holder", "EE38001085718", config=config)  # fmt: skip
    assert issued["left_out"] == ["keyUsage.digital_signature"]
    x509.load_pem_x509_certificate(issued["certificate"].encode())
    civitas("ca", "roll", "root", config=config, fails=True)


def test_a_change_of_keys_is_planned_and_then_done(config: Path) -> None:
    planned = read("ca", "roll", "devices", "--dry-run", config=config)
    assert (planned["next"], planned["done"]) == ("devices-2", False)
    assert "devices-2" not in {one["authority"] for one in read("ca", "list", config=config)}
    read("ca", "roll", "devices", "--ahead-days", "0", config=config)
    signing = {one["authority"] for one in read("ca", "list", config=config) if one["signs"]}
    assert "devices-2" in signing
    assert "devices-1" not in signing
    civitas("ca", "roll", "moon", config=config, fails=True)


def test_a_change_over_is_planned_run_watched_and_undone(config: Path) -> None:
    named = read("ca", "changeover", "plan", "--days", "30", config=config)["id"]
    for act, state in (("run", "running"), ("pause", "paused"), ("run", "running")):
        assert read("ca", "changeover", act, named, config=config)["state"] == state
    watched = read("ca", "changeover", "watch", named, config=config)
    assert (watched["devices"], watched["hold"]) == (0, 0)
    civitas("ca", "changeover", "watch", named, config=config)
    assert read("ca", "changeover", "undo", named, "--yes", config=config)["state"] == "undone"
    assert [one["state"] for one in read("ca", "changeover", "list", config=config)] == ["undone"]
    civitas("ca", "changeover", "finish", named, config=config, fails=True)


def test_a_compromise_is_looked_at_before_it_is_declared(config: Path) -> None:
    planned = read("ca", "compromise", "devices-1", "--dry-run", config=config)
    assert (planned["certificates"], planned["done"]) == (0, False)
    civitas("ca", "compromise", "devices-1", config=config, said="n\n", fails=True)
    done = read("ca", "compromise", "devices-1", "--yes", config=config)
    assert (done["successor"], done["done"]) == ("devices-2", True)
    civitas("ca", "compromise", "root-1", "--yes", config=config, fails=True)


def test_the_board_says_what_ends_and_what_to_do(config: Path) -> None:
    assert "Nothing needs attention." in civitas("ca", "board", config=config)
    assert read("ca", "board", config=config)["attention"] == []
    assert "root-1" in civitas("ca", "list", config=config)


def test_a_rehearsal_keeps_its_page(tmp_path: Path) -> None:
    page = tmp_path / "rehearsal.html"
    assert "root-2" in civitas("ca", "ceremony", "rehearse", "--page", str(page))
    assert "I was here" in page.read_text()
