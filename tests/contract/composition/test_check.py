"""Rows of before are bound by an upgrade, and `civitas check` names what was altered since."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import column, insert, select, table
from typer.testing import CliRunner

from civitas import schema
from civitas.cli import command_line
from civitas.configuration import settings_of
from foundation.clock import FrozenClock, Instant
from foundation.master_key import MasterKey
from foundation.rows.check import wrong_rows
from foundation.runtime import build, open_database
from foundation.settings import Settings
from idp.register.tables import staff
from tests.support.intruder import Intruder

app = command_line()

runner = CliRunner()


def test_a_row_of_0011_is_trusted_at_the_upgrade_and_altered_ones_are_not_afterwards(
    any_settings: Settings, clock: FrozenClock
) -> None:
    database = open_database(any_settings)
    schema.upgrade(database, "0011")
    at = Instant().process_bind_param(clock.now(), database.engine.dialect)
    member = {"id": "stf_1", "role": "officer", "state": "active", "sealed_name": b"x"}
    member |= {"invited_at": at, "changed_at": at}
    with database.write() as uow:
        uow.execute(insert(table("register_staff", *map(column, member))).values(member))
    schema.upgrade(database)
    database.close()
    MasterKey.create(any_settings.path.parent / "master.key")
    runtime = build(any_settings, {}, clock)
    runtime.prepare()
    runtime.check()
    with runtime.database.read() as uow:
        assert uow.one(select(staff.c.role).where(staff.c.id == "stf_1")) == ("officer",)
    intruder = Intruder(runtime.database)
    intruder.run("UPDATE register_staff SET role = 'operator'")
    runtime.prepare()
    with runtime.database.read() as uow:
        assert uow.one(select(staff.c.role).where(staff.c.id == "stf_1")) is None
    (wrong,) = wrong_rows(runtime.database, runtime.guard, clock.now())
    assert wrong.table == "register_staff"
    intruder.close()
    runtime.close()


def test_the_command_names_a_raised_role_and_fails(tmp_path: Path) -> None:
    config = tmp_path / "city" / "civitas.toml"
    set_up = ["init", "--config", str(config), "--development", "--name", "Tallinn"]
    runner.invoke(app, set_up, catch_exceptions=False)
    invite = ["staff", "invite", "--role", "officer", "--name", "Mari", "--config", str(config)]
    runner.invoke(app, invite, catch_exceptions=False)
    fine = runner.invoke(app, ["check", "--json", "--config", str(config)], catch_exceptions=False)
    assert fine.exit_code == 0, fine.output
    database = open_database(settings_of(config))
    intruder = Intruder(database)
    assert intruder.run("UPDATE register_staff SET role = 'operator'") == 1
    intruder.close()
    database.close()
    named = runner.invoke(app, ["check", "--json", "--config", str(config)], catch_exceptions=False)
    assert named.exit_code == 1
    assert [row["table"] for row in json.loads(named.stdout)["wrong"]] == ["register_staff"]
