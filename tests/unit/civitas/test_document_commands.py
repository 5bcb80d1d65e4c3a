"""`civitas documents`: kinds, and a file of many."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from civitas.cli import command_line
from civitas.residents import as_csv, residents
from foundation.settings import SettingsError
from tests.support.lockers import KINDS, SAID

app = command_line()
runner = CliRunner()
PEOPLE = list(residents(2, 11, city="Tallinn", country="EE"))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("documents") / "civitas.toml"
    words = ["init", "--config", str(written), "--development", "--country", "EE"]
    assert runner.invoke(app, words).exit_code == 0
    people = written.parent / "people.csv"
    people.write_bytes(as_csv(iter(PEOPLE)))
    done = runner.invoke(app, ["citizens", "import", str(people), "--config", str(written)])
    assert done.exit_code == 0, done.output
    (written.parent / "documents.toml").write_text(KINDS.format(office="svc_a", other="svc_b"))
    with written.open("a") as file:
        file.write('\n[documents]\nkinds = "documents.toml"\n')
    return written


def run(config: Path, *arguments: str, code: int = 0) -> str:
    done = runner.invoke(app, ["documents", *arguments, "--config", str(config)])
    assert done.exit_code == code, done.output
    return done.output


def line(person: dict[str, str], **changed: Any) -> str:
    name = f"{person['given_name']} {person['family_name']}"
    said = {
        "kind": "residence",
        "number": "R-1",
        "civil_number": person["civil_number"],
        "name": name,
        "birthdate": person["birthdate"],
        "content": SAID,
    }
    return json.dumps({**said, **changed})


def test_kinds_are_listed(config: Path) -> None:
    listed = json.loads(run(config, "kinds", "--json"))
    assert [kind["id"] for kind in listed] == ["residence", "diploma"]
    assert "town-hall" in run(config, "kinds")


def test_a_file_is_imported_line_by_line_and_again_changes_nothing(config: Path) -> None:
    file = config.parent / "many.jsonl"
    file.write_text(
        "\n".join(
            (
                line(PEOPLE[0]),
                "",
                line(PEOPLE[1], number="R-2", name="Somebody Else"),
                line(PEOPLE[1], number="R-3", content={}),
                "{not json",
                line(PEOPLE[1], number="R-4", colour="red"),
                line(PEOPLE[1], number="R-5"),
            )
        )
    )
    words = ("import", str(file), "--issuer", "town-hall", "--json")
    told = json.loads(run(config, *words, code=1))
    assert told["new"] == 2
    assert [one["line"] for one in told["refused"]] == [3, 4, 5, 6]
    assert told["refused"][0]["where"] == "name"
    assert all(one["reason"] and one["what_to_do"] is not None for one in told["refused"])
    again = json.loads(run(config, *words, code=1))
    assert (again["new"], again["there"]) == (0, 2)


def test_an_unknown_issuer_and_a_file_that_is_none_are_told(config: Path) -> None:
    file = config.parent / "one.jsonl"
    file.write_text(line(PEOPLE[0]))
    assert "town-hall" in run(config, "import", str(file), "--issuer", "town-hal", code=1)
    assert "not a file" in run(config, "import", "nowhere", "--issuer", "town-hall", code=2)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('[[kind]]\nid = "x"', "issuer"),
        ("not toml", "not valid TOML"),
        (KINDS.format(office="a", other="a"), "one client acts for one issuer"),
        (KINDS.format(office="a", other="b").replace('"library"', '"libary"'), "libary"),
        (
            KINDS.format(office="a", other="b").replace('issuer = "university"', 'issuer = "u"'),
            "'u'",
        ),
    ],
)
def test_a_file_of_kinds_with_a_mistake_stops_with_a_sentence(
    config: Path, tmp_path: Path, written: str, said: str
) -> None:
    kept = (config.parent / "documents.toml").read_text()
    try:
        (config.parent / "documents.toml").write_text(written)
        done = runner.invoke(app, ["documents", "kinds", "--config", str(config)])
        assert isinstance(done.exception, SettingsError)
        assert said in str(done.exception)
    finally:
        (config.parent / "documents.toml").write_text(kept)
