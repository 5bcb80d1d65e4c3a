"""`civitas devices` and `civitas citizens` can what the pages can, and refuse alike."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from civitas import governance
from civitas.cli import command_line
from civitas.configuration import settings_of
from civitas.deployment import Deployment
from foundation.audit import SYSTEM
from foundation.audit.tables import events
from idp.register import store
from idp.register.life import Guard
from pki import Pki
from tests.support.devices import City

app = command_line()

runner = CliRunner()
WHY = ("--reason", "Seen by the patrol")


@pytest.fixture(scope="module")
def new_city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("new") / "civitas.toml"
    done = runner.invoke(app, ["init", "--config", str(written), "--development"])
    assert done.exit_code == 0, done.output
    return written


@pytest.fixture
def config(new_city: Path, tmp_path: Path) -> Path:
    """A deployment of its own, made once and copied."""
    return shutil.copytree(new_city.parent, tmp_path / "city") / new_city.name


@contextmanager
def opened(config: Path) -> Iterator[Deployment]:
    deployment = governance.assemble(settings_of(config))
    try:
        yield deployment
    finally:
        deployment.runtime.close()


@pytest.fixture
def device(config: Path) -> str:
    """An active device with one certificate."""
    with opened(config) as deployment:
        parts = deployment.parts
        pki = Pki(parts["pki"], parts["devices"].gate)
        city = City(deployment.runtime, parts["pki"], parts["devices"], parts["device_life"], pki)
        registered, _, _ = city.enrolled()
    return registered.device.id


@pytest.fixture
def person(config: Path, tmp_path: Path) -> str:
    """An active identity of level 1 or more."""
    file = tmp_path / "residents.csv"
    file.write_text(
        "civil_number,given_name,family_name,birthdate,locality,country\n"
        "38001085718,Ada,Lovelace,1980-01-08,Tallinn,EE\n"
    )
    done = runner.invoke(app, ["citizens", "import", str(file), "--config", str(config)])
    assert done.exit_code == 0, done.output
    with opened(config) as deployment:
        runtime = deployment.runtime
        with runtime.database.write() as uow:
            found = store.by_civil_number(uow, runtime.vault, "38001085718")
            assert found is not None
            seen = {Guard.CREDENTIAL, Guard.CONFIRMED}
            store.change_state(
                uow, runtime.audit, found, "activate", seen, SYSTEM, runtime.clock.now()
            )
    return found


def run(config: Path, *words: str, code: int = 0, typed: str | None = None) -> str:
    done = runner.invoke(app, [*words, "--config", str(config)], input=typed)
    assert done.exit_code == code, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.output


def said(config: Path, *words: str, typed: str | None = None) -> Any:
    return json.loads(run(config, *words, "--json", typed=typed))


def told(config: Path) -> list[tuple[str, str, Any]]:
    """Kind, actor and details of every event that concerns no person, oldest first."""
    with opened(config) as deployment:
        audit = deployment.runtime.audit
        with deployment.runtime.database.read() as uow:
            rows = uow.all(select(events).order_by(events.c.at))
        found = [(r.kind, audit.details(r.id)) for r in rows if r.kind.startswith("device.")]
    return [(kind, str(whole["actor"]), whole["details"]) for kind, whole in found]


def read_by(config: Path, person: str) -> list[tuple[str, str, Any]]:
    """The same of what stands in a person's ledger."""
    with opened(config) as deployment:
        entries = reversed(deployment.runtime.audit.ledger(person))
        return [(entry.kind, entry.actor.id, entry.details) for entry in entries]


FINAL = ("transfer", "revoke", "decommission", "archive")


def sure(act: str) -> tuple[str, ...]:
    """What a command needs where nobody can be asked."""
    return ("--yes",) if act in FINAL else ()


DEVICE_ACTS = [
    (["suspend"], "active", "suspended", "device.suspended"),
    (["suspend", "resume"], "suspended", "active", "device.reactivated"),
    (["quarantine"], "active", "quarantined", "device.quarantined"),
    (["quarantine", "release"], "quarantined", "active", "device.released"),
    (["transfer"], "active", "transferred", "device.transferred"),
    (["revoke"], "active", "revoked", "device.revoked"),
    (["decommission"], "active", "decommissioned", "device.decommissioned"),
]


@pytest.mark.parametrize(("acts", "before", "after", "kind"), DEVICE_ACTS)
def test_an_act_on_a_device_is_foreseen_done_once_and_on_record_with_who_and_why(
    config: Path, device: str, acts: list[str], before: str, after: str, kind: str
) -> None:
    *earlier, act = acts
    for one in earlier:
        run(config, "devices", one, device, *WHY)
    heard = len(told(config))
    foreseen = said(config, "devices", act, device, *WHY, "--dry-run")
    assert (foreseen["before"], foreseen["after"], foreseen["changed"]) == (before, after, False)
    assert len(foreseen["certificates"]) == 1
    assert "Nothing was changed" in run(config, "devices", act, device, *WHY, "--dry-run")
    assert said(config, "devices", "show", device)["state"] == before
    assert len(told(config)) == heard
    if act in FINAL:
        assert "--yes" in run(config, "devices", act, device, *WHY, code=1)
        assert said(config, "devices", "show", device)["state"] == before
    done = said(config, "devices", act, device, *WHY, *sure(act))
    assert done == {**foreseen, "changed": True}
    shown = said(config, "devices", "show", device)
    assert shown["state"] == after
    assert shown["history"][-1]["by"].startswith("host:")
    assert shown["history"][-1]["reason"] == "Seen by the patrol"
    [(_, actor, details)] = [event for event in told(config)[heard:] if event[0] == kind]
    assert actor.startswith("host:")
    assert (details["device"], details["reason"]) == (device, "Seen by the patrol")
    # Done already is not done.
    for more in ((), ("--dry-run",)):
        refused = run(config, "devices", act, device, *WHY, *more, code=1)
        assert "cannot" in refused


def test_a_device_changes_hands_and_gets_a_new_token(config: Path, device: str) -> None:
    run(config, "devices", "claim", device, "--owner", "Trams", code=1)
    run(config, "devices", "transfer", device, *WHY, "--yes")
    nobody = run(config, "devices", "claim", device, "--owner", "citizen:per_nobody", code=1)
    assert "no person per_nobody" in nobody
    assert said(config, "devices", "show", device)["owner"] is None
    claimed = said(config, "devices", "claim", device, "--owner", "Trams")
    assert claimed["token"] not in (None, said(config, "devices", "token", device)["token"])
    shown = said(config, "devices", "show", device)
    assert (shown["owner"], shown["state"]) == ("Trams", "claimed")
    assert {c["state"] for c in shown["certificates"]} == {"revoked"}
    assert f"{device}" in run(config, "devices", "show", device)


NO_ONE = f"per_{'0' * 22}"
NOTHING = f"dev-{'0' * 22}"


@pytest.mark.parametrize("act", ["suspend", "resume", "quarantine", "release", "transfer",
                                 "revoke", "decommission"])  # fmt: skip
def test_a_device_that_is_not_there_or_no_reason_is_refused(config: Path, act: str) -> None:
    for more in ((), ("--dry-run",), ("--json",)):
        assert "no device" in run(config, "devices", act, NOTHING, *WHY, *more, code=1)
    run(config, "devices", act, NOTHING, code=2)
    for reason in ("", "  ", "x" * 301, "a\x07b"):
        run(config, "devices", act, NOTHING, "--reason", reason, code=2)


@pytest.mark.row("privacy", "P-4")
@pytest.mark.parametrize("typed", [None, "380 0108-5718\n"])
def test_who_is_looked_up_reads_it_with_the_purpose(
    config: Path, person: str, typed: str | None
) -> None:
    words = ("citizens", "show", person if typed is None else "-", "--purpose", "misuse")
    heard = len(read_by(config, person))
    foreseen = said(config, *words, "--dry-run", typed=typed)
    assert foreseen["changed"] is False
    assert len(read_by(config, person)) == heard
    shown = said(config, *words, typed=typed)
    assert (shown["person_id"], shown["state"]) == (person, "active")
    assert [step["step"] for step in shown["history"]] == ["enrol", "activate"]
    assert "Lovelace" not in json.dumps(shown)
    [(kind, actor, details)] = read_by(config, person)[heard:]
    assert kind == "register.looked-up"
    assert actor.startswith("host:")
    assert details["purpose"] == "misuse"
    assert "command line" in details["system"]


def test_a_look_up_without_purpose_or_of_nobody_is_refused(config: Path, person: str) -> None:
    assert "purpose" in run(config, "citizens", "show", person, "--purpose", "nosy", code=2)
    run(config, "citizens", "show", person, code=2)
    for nobody in ("per_nobody", "49001085718"):
        run(config, "citizens", "show", nobody, "--purpose", "misuse", code=1)
    run(config, "citizens", "show", "!", "--purpose", "misuse", code=2)
    run(config, "citizens", "show", "-", "--purpose", "misuse", code=2, typed="")


CITIZEN_ACTS = [
    (["suspend"], "active", "suspended"),
    (["suspend", "resume"], "suspended", "active"),
    (["archive"], "active", "archived"),
]


@pytest.mark.parametrize(("acts", "before", "after"), CITIZEN_ACTS)
def test_an_act_on_an_identity_is_foreseen_done_once_and_read_by_the_person(
    config: Path, person: str, acts: list[str], before: str, after: str
) -> None:
    *earlier, act = acts
    for one in earlier:
        run(config, "citizens", one, person, *WHY)
    heard = len(read_by(config, person))
    foreseen = said(config, "citizens", act, person, *WHY, "--dry-run")
    assert (foreseen["before"], foreseen["after"], foreseen["changed"]) == (before, after, False)
    assert "Nothing was changed" in run(config, "citizens", act, person, *WHY, "--dry-run")
    assert len(read_by(config, person)) == heard
    if act in FINAL:
        assert "--yes" in run(config, "citizens", act, person, *WHY, code=1)
        assert len(read_by(config, person)) == heard
    assert said(config, "citizens", act, person, *WHY, *sure(act)) == {**foreseen, "changed": True}
    [(_, actor, details)] = read_by(config, person)[heard:]
    assert actor.startswith("host:")
    assert details["reason"] == "Seen by the patrol"
    for more in ((), ("--dry-run",)):
        assert "cannot" in run(config, "citizens", act, person, *WHY, *more, code=1)


@pytest.mark.parametrize("act", ["suspend", "resume", "archive"])
def test_an_identity_that_is_not_there_or_no_reason_is_refused(config: Path, act: str) -> None:
    for more in ((), ("--dry-run",), ("--json",)):
        assert "no such person" in run(config, "citizens", act, NO_ONE, *WHY, *more, code=1)
    run(config, "citizens", act, NO_ONE, code=2)
    for reason in ("", " ", "x" * 501):
        run(config, "citizens", act, NO_ONE, "--reason", reason, code=2)


def test_a_way_back_is_asked_for_and_stopped_by_the_rules_of_the_desk(
    config: Path, person: str
) -> None:
    lost = ("--reason", "Lost the phone and the password")
    foreseen = said(config, "citizens", "recover", person, *lost, "--dry-run")
    assert (foreseen["way"], foreseen["level_at_most"], foreseen["changed"]) == ("post", 1, False)
    assert "asked for" in run(config, "citizens", "recover", person, *lost, "--stop", code=1)
    done = said(config, "citizens", "recover", person, *lost)
    assert done["letter_from"] > foreseen["letter_from"]
    again = said(config, "citizens", "recover", person, *lost)
    assert again["letter_from"] == done["letter_from"], "asked twice, made once"
    kinds = [(kind, details.get("reason")) for kind, _, details in read_by(config, person)]
    assert kinds.count(("recovery.asked-by-office", lost[1])) == 1
    assert said(config, "letters", "list")["waiting"] == 0
    assert said(config, "citizens", "recover", person, *lost, "--stop")["changed"]
    # The letter is stopped with it, perhaps within the same millisecond: then either may be last.
    assert "recovery.stopped" in [kind for kind, _, _ in read_by(config, person)[-2:]]
    run(config, "citizens", "archive", person, *WHY, "--yes")
    assert "archived" in run(config, "citizens", "recover", person, *lost, code=1)
    assert "reason" in run(config, "citizens", "recover", person, "--reason", " ", code=2)
