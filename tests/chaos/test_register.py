"""A process killed in an import or in an activation: nothing is lost, nothing is doubled."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from unittest import mock

import pytest
from sqlalchemy import func, select, text

from civitas.residents import as_csv, residents
from civitas.tour.commands import in_fork
from foundation.audit import Actor
from foundation.clock import FrozenClock
from foundation.database import DatabaseSettings
from foundation.settings import Settings
from idp.register import Register
from idp.register.tables import blind_indexes, history, import_rows, persons
from tests.support import deployments
from tests.support.importing import importer_of

IMPORT_POINTS = {
    "before a key is made": "foundation.vault.Vault.create",
    "after the key, before the first row": "idp.register.enrolment.allot",
    "in the middle of a row": "idp.register.store.index_civil_number",
    "before a row's commit": "idp.register.imports.importer.Importer._recorded",
    "after the last row": "idp.register.imports.importer.Importer._finish",
}
ACTIVATION_POINTS = {
    "before the code is used": "idp.register.register.Register.redeem_activation",
    "after the code, before the state": "idp.register.register.Register.activate",
    "after the state, before the commit": "foundation.database.UnitOfWork.all",
}


def victim() -> None:
    """Dies as by SIGKILL, when it comes by a point as often as it was told."""
    folder, database, point, times, what, argument = sys.argv[1:]
    settings = deployments.settings_in(Path(folder), DatabaseSettings(url=database))
    runtime = deployments.build_runtime(settings, FrozenClock(deployments.START))
    register = Register(runtime)
    importer = importer_of(register)
    real = resolve_name(point)
    left = itertools.count(int(times) - 1, -1)

    def die(*args: Any, **more: Any) -> Any:
        if next(left) <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **more)

    with mock.patch(point, die):
        if what == "import":
            list(importer.run(Path(argument).read_bytes(), argument))
        else:
            now = runtime.clock.now()
            with runtime.database.write() as uow:
                register.activate(uow, register.redeem_activation(uow, argument, now), now)
                uow.all(text("SELECT 1"))


@pytest.fixture
def settings(any_settings: Settings) -> Settings:
    return any_settings


def kill(settings: Settings, point: str, times: int, what: str, argument: str) -> None:
    url = settings.of(DatabaseSettings).url
    told = (str(settings.path.parent), url, point, str(times), what, argument)
    code, _, complaint = in_fork(victim, told)
    assert code == -signal.SIGKILL, complaint


@pytest.mark.parametrize("point", IMPORT_POINTS.values(), ids=IMPORT_POINTS)
def test_an_import_that_is_killed_goes_on_and_enrols_everybody_once(
    settings: Settings, clock: FrozenClock, point: str
) -> None:
    runtime = deployments.build_runtime(settings, clock)
    file = settings.path.parent / "residents.csv"
    file.write_bytes(as_csv(residents(8)))
    kill(settings, point, 1 if point.endswith("_finish") else 3, "import", str(file))
    importer = importer_of(Register(runtime))
    *_, last = importer.run(file.read_bytes(), file.name)
    assert (last.total, last.accepted, last.refused) == (8, 8, 0)
    assert importer.report(last.import_id).finished_at is not None
    with runtime.database.read() as uow:
        for table in (persons, blind_indexes, history, import_rows):
            row = uow.one(select(func.count()).select_from(table))
            assert row is not None
            assert row[0] == 8
    runtime.audit.tree.sequence(clock.now())
    assert runtime.audit.tree.verify().ok
    runtime.close()


@pytest.mark.parametrize("point", ACTIVATION_POINTS.values(), ids=ACTIVATION_POINTS)
def test_a_code_whose_redemption_is_killed_still_works_once(
    settings: Settings, clock: FrozenClock, point: str
) -> None:
    runtime = deployments.build_runtime(settings, clock)
    register = Register(runtime)
    *_, last = importer_of(register).run(as_csv(residents(1)), "one.csv")
    (person_id,) = importer_of(register).persons(last.import_id)
    with runtime.database.write() as uow:
        officer = Actor("staff", "stf_officer")
        code = register.codes.issue(uow, person_id, officer, clock.now()).code
    kill(settings, point, 1, "activate", code)
    assert register.known(person_id).person.state == "established"
    with runtime.database.write() as uow:
        now = clock.now()
        register.activate(uow, register.redeem_activation(uow, code, now), now)
    assert register.known(person_id).person.state == "active"
    runtime.audit.tree.sequence(clock.now())
    assert runtime.audit.tree.verify().ok
    runtime.close()
