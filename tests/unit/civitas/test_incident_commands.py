"""`civitas incident` and `civitas letters` act as the operator of the host, and are audited."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from civitas import governance
from civitas.cli import command_line
from civitas.configuration import settings_of
from foundation.audit.tables import events

app = command_line()

runner = CliRunner()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    written = tmp_path / "civitas.toml"
    done = runner.invoke(app, ["init", "--config", str(written), "--development"])
    assert done.exit_code == 0, done.output
    return written


def run(config: Path, *arguments: str, code: int = 0) -> str:
    done = runner.invoke(app, [*arguments, "--config", str(config)])
    assert done.exit_code == code, done.output
    return done.output


def told(config: Path, kind: str) -> dict[str, object]:
    deployment = governance.assemble(settings_of(config))
    try:
        with deployment.runtime.database.read() as uow:
            row = uow.one(select(events.c.id).where(events.c.kind == kind))
        assert row is not None, kind
        return dict(deployment.runtime.audit.details(row.id))
    finally:
        deployment.runtime.close()


def test_the_host_ends_staff_and_stops_services_and_the_audit_says_who_and_why(
    config: Path,
) -> None:
    run(config, "staff", "invite", "--role", "operator", "--name", "Otto")
    (member,) = json.loads(run(config, "incident", "staff", "--json"))
    why = ("--reason", "Left the city")
    run(config, "incident", "change-role", member["id"], "--role", "auditor", *why)
    same = run(config, "incident", "change-role", member["id"], "--role", "auditor", *why, code=1)
    assert "auditor already" in same
    frozen = run(
        config, "incident", "freeze-officer", member["id"], "--since", "2026-03-01", *why, "--yes"
    )
    assert "0 decisions wait" in frozen
    run(config, "incident", "end-staff", member["id"], *why, code=1)
    run(config, "incident", "end-staff", member["id"], *why, "--yes")
    (member,) = json.loads(run(config, "incident", "staff", "--json"))
    assert (member["role"], member["state"]) == ("auditor", "ended")
    run(config, "incident", "end-staff", member["id"], *why, code=1)
    run(config, "incident", "recover-staff", member["id"], *why, code=1)
    ended = told(config, "staff.ended")
    assert str(ended["actor"]).startswith("host:")
    assert ended["details"]["reason"] == "Left the city"  # type: ignore[index]

    added = json.loads(
        run(config, "clients", "add", "--name", "Library", "--scope", "access:evaluate", "--json",
            "--purpose", "library")
    )  # fmt: skip
    client = added["client_id"]
    rotated = json.loads(run(config, "incident", "rotate-secret", client, *why, "--json"))
    assert rotated["client_secret"] != added["client_secret"]
    assert "no more" in run(config, "incident", "rotate-secret", client, *why)
    run(config, "incident", "rotate-secret", client, *why, "--overlap-hours", "500", code=2)
    again = "already; nothing was changed"
    assert again in run(config, "incident", "resume-client", client, *why, code=1)
    run(config, "incident", "suspend-client", client, *why)
    assert again in run(config, "incident", "suspend-client", client, *why, code=1)
    run(config, "incident", "resume-client", client, *why)
    run(config, "incident", "suspend-client", "svc_nobody", *why, code=1)
    assert "grants have ended" in run(config, "incident", "stop-client", client, *why)
    run(config, "incident", "stop-person", "per_nobody", *why, code=1)
    run(config, "incident", "stop-everybody", *why, code=1)
    run(config, "incident", "stop-everybody", *why, "--yes")
    assert told(config, "incident.everybody_stopped")["details"]["reason"] == "Left the city"  # type: ignore[index]


def test_a_file_of_letters_is_made_for_its_owner_alone_or_not_at_all(
    config: Path, tmp_path: Path
) -> None:
    assert "0 letters wait" in run(config, "letters", "list")
    file = tmp_path / "letters.csv"
    run(config, "letters", "print", "--format", "csv", "--output", str(file), code=1)
    assert not file.exists()
    file.write_text("mine")
    run(config, "letters", "print", "--output", str(file), code=2)
    assert file.read_text() == "mine"
    run(config, "letters", "again", "bat_nothing", code=1)
