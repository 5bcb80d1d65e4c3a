"""`civitas conformance`: what holds each control, for a program and for a person."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from civitas.cli import command_line
from policies import conformance

app = command_line()


def test_every_control_names_its_test_or_says_that_nothing_holds_it() -> None:
    told = json.loads(CliRunner().invoke(app, ["conformance", "--json"]).output)
    assert [row["id"] for row in told][:2] == ["EN-1", "EN-2"]
    assert {row["state"] for row in told} <= {"held", "open", "duty"}
    for row in told:
        assert bool(row["test"]) == (row["state"] == "held"), row["id"]
        assert row["last_red"] == "" or row["state"] == "held", row["id"]
    assert sum(row["state"] == "duty" for row in told) == 8


def test_what_is_held_was_seen_to_fail_without_it() -> None:
    never = [row.id for row in conformance() if row.state == "held" and not row.last_red]
    assert never == []


def test_the_exit_code_tells_that_something_is_held_by_nothing() -> None:
    done = CliRunner().invoke(app, ["conformance"])
    assert done.exit_code == int(any(row.state == "open" for row in conformance()))
    assert "A licensed copy must be compared" in " ".join(done.output.split())
