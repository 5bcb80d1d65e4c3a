"""A process killed in the middle of an enrolment: nothing is lost, nothing is doubled."""

from __future__ import annotations

import base64
import os
import signal
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from sqlalchemy import select

import pki
from civitas.tour.commands import in_fork
from foundation.clock import FrozenClock
from foundation.database import DatabaseSettings
from foundation.settings import Settings
from pki.tables import certificates
from tests.support import deployments
from tests.support.devices import OPERATOR, City, csr, found_city, new_key, same_city

POINTS = {
    "before the serial is recorded": "pki.store.hold_and_record",
    "after the serial is recorded": "pki.issuing.issuance.Issuance._sign",
    "after signing": "pki.issuing.issuance.Issuance._record_signed",
    "before the second commit": "device_registry.credential_store.add",
}


def victim() -> None:
    """Dies as by SIGKILL at the point that is asked for: no handler, no `finally`, no rollback."""
    folder, database, point, device, token, body = sys.argv[1:]
    settings = deployments.settings_in(Path(folder), DatabaseSettings(url=database))
    city = same_city(deployments.build_runtime(settings, FrozenClock(deployments.START)))
    caller = pki.Caller(device, token, None, "192.0.2.1")
    with mock.patch(point, die):
        city.pki.enrol(caller, base64.b64decode(body), city.now)


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def settings(any_settings: Settings) -> Settings:
    return any_settings


@pytest.mark.row("devices", "issuance")
@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS)
def test_an_enrolment_that_is_killed_is_finished_once(
    settings: Settings, clock: FrozenClock, point: str
) -> None:
    runtime = deployments.build_runtime(settings, clock)
    try:
        city = found_city(runtime)
        registered = city.register()
        body = csr(new_key(), registered.device.id)
        code, _, complaint = in_fork(
            victim,
            (
                str(settings.path.parent),
                settings.of(DatabaseSettings).url,
                point,
                registered.device.id,
                registered.token,
                base64.b64encode(body).decode(),
            ),
        )
        assert code == -signal.SIGKILL, complaint
        after_the_restart(city, registered.device.id)
        issued = city.enrol(registered, body)
        assert city.enrol(registered, body) == issued
        whole(city, registered.device.id)
        city.life.suspend(registered.device.id, OPERATOR, "noise", city.now)
        runtime.audit.tree.sequence(city.now)
        runtime.audit.tree.checkpoint()
        assert runtime.audit.tree.verify().ok
    finally:
        runtime.close()


def after_the_restart(city: City, device_id: str) -> None:
    """Every recorded serial is settled before anything is served."""
    city.pki.complete_or_void(city.now)
    with city.runtime.database.read() as uow:
        assert "recorded" not in {row.state for row in uow.all(select(certificates.c.state))}


def whole(city: City, device_id: str) -> None:
    with city.runtime.database.read() as uow:
        rows = uow.all(select(certificates).where(certificates.c.holder == device_id))
    assert [row.state for row in rows] == ["issued"]
    assert [c.serial for c in city.devices.credentials(device_id)] == [rows[0].serial]
    assert city.devices.get(device_id).state == "active"
    assert city.events().count("device.enrolled") == 1
