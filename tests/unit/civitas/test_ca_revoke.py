"""`civitas ca revoke` and `civitas ca crl`, as an operator runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography import x509
from typer.testing import CliRunner

from civitas.cli import command_line

app = command_line()

runner = CliRunner()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    written = tmp_path / "civitas.toml"
    done = runner.invoke(app, ["init", "--config", str(written), "--development"])
    assert done.exit_code == 0, done.output
    return written


@pytest.fixture
def serials(config: Path) -> list[str]:
    """Three server certificates beside that of the listener."""
    from civitas import governance
    from civitas.configuration import settings_of

    deployment = governance.assemble(settings_of(config))
    made = [
        deployment.parts["pki"].issue_server_certificate([f"s{n}.example"]).chain_pem
        for n in range(3)
    ]
    deployment.runtime.close()
    return [f"{x509.load_pem_x509_certificate(pem).serial_number:x}" for pem in made]


def run(config: Path, *words: str, ok: bool = True) -> str:
    done = runner.invoke(app, ["ca", *words, "--config", str(config)])
    assert (done.exit_code == 0) == ok, done.output
    return done.stdout if ok else done.output


def listed(config: Path, *more: str) -> set[str]:
    file = config.parent / "services.crl"
    run(config, "crl", "services-1", "-o", str(file), *more)
    return {f"{one.serial_number:x}" for one in x509.load_der_x509_crl(file.read_bytes())}


def test_a_dry_run_says_which_and_changes_nothing(config: Path, serials: list[str]) -> None:
    words = ("revoke", *serials, "--reason", "superseded")
    said = json.loads(run(config, *words, "--dry-run", "--json"))
    assert {one["serial"] for one in said["certificates"]} == set(serials)
    assert said["count"] == 3
    assert "Nothing was changed" in run(config, *words, "--dry-run")
    assert listed(config) == set()


def test_one_by_serial_and_many_from_a_file_are_on_the_list_at_once(
    config: Path, serials: list[str], tmp_path: Path
) -> None:
    assert "1 changed" in run(config, "revoke", serials[0], "--reason", "superseded")
    assert listed(config) == {serials[0]}
    file = tmp_path / "lost.txt"
    file.write_text("# from the incident\n" + "\n".join(s.upper() for s in serials) + "\n")
    words = ("revoke", "--file", str(file), "--reason", "keyCompromise")
    run(config, *words, "--json", ok=False)
    assert json.loads(run(config, *words, "--json", "--yes"))["changed"] == 2
    assert listed(config) == set(serials)


def test_a_serial_that_was_never_issued_here_is_named_and_is_no_success(
    config: Path, serials: list[str]
) -> None:
    words = ("revoke", serials[0], "c0ffee", "--reason", "superseded", "--yes")
    assert "1 not issued here: c0ffee" in run(config, *words, "--dry-run", ok=False)
    said = run(config, *words, ok=False)
    assert "1 changed" in said
    assert "c0ffee" in said
    assert listed(config) == {serials[0]}, "what could be done is done"
    done = runner.invoke(app, ["ca", *words, "--json", "--config", str(config)])
    assert (done.exit_code, json.loads(done.stdout)["unknown"]) == (1, ["c0ffee"])
    assert "fits" in run(config, "revoke", "--holder", "nobody", "--reason", "superseded", ok=False)
    again = ("revoke", serials[0], "--reason", "superseded")
    assert "0 changed" in run(config, *again), "done already is no failure"


def test_what_cannot_be_meant_is_refused_with_a_sentence(config: Path) -> None:
    for words in (("revoke", "ab"), ("revoke", "--reason", "superseded"),
                  ("revoke", "xyz", "--reason", "superseded"),
                  ("revoke", "ab", "--reason", "boredom"),
                  ("revoke", "--authority", "nobody-1", "--reason", "superseded"),
                  ("crl", "nobody-1", "-o", str(config.parent / "x"))):  # fmt: skip
        assert "Traceback" not in run(config, *words, ok=False)


def test_a_list_can_be_written_as_text_and_by_partition(config: Path) -> None:
    file = config.parent / "list.pem"
    run(config, "crl", "devices-1", "-o", str(file))
    assert x509.load_pem_x509_crl(file.read_bytes()).next_update_utc is not None
    listed(config, "--partition", "3")
    listed(config, "--partition", "3", "--delta")
