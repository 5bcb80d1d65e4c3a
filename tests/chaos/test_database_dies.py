"""The database dies between record and sign: no certificate unknown to us, no serial lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError

from foundation.clock import FrozenClock
from foundation.database import DatabaseSettings
from pki.issuing import drafting
from pki.tables import certificates
from tests.support import deployments, postgresql
from tests.support.devices import City, csr, found_city, new_key
from tests.support.postgresql import PostgreSQL

pytestmark = pytest.mark.slow


@pytest.fixture
def own_server() -> Iterator[PostgreSQL]:
    """A PostgreSQL of the test's own, whose commits survive it."""
    with postgresql.running(durable=True) as server:
        yield server


@pytest.fixture
def city(own_server: PostgreSQL, tmp_path: Path, clock: FrozenClock) -> Iterator[City]:
    with own_server.database() as url:
        settings = deployments.settings_in(tmp_path, DatabaseSettings(url=url))
        runtime = deployments.build_runtime(settings, clock)
        yield found_city(runtime)
        runtime.close()


@pytest.mark.row("devices", "issuance")
@pytest.mark.parametrize("first", ["the start settles it", "the device asks again"])
def test_what_was_recorded_when_the_database_died_becomes_one_certificate(
    city: City, own_server: PostgreSQL, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    registered = city.register()
    body = csr(new_key(), registered.device.id)
    sign = drafting.signed

    def dies(*given: Any) -> bytes:
        own_server.die()
        return sign(*given)

    with monkeypatch.context() as patched:
        patched.setattr(drafting, "signed", dies)
        with pytest.raises((OperationalError, InterfaceError)):  # a 503 at the door
            city.enrol(registered, body)
    own_server.start()
    assert [row.state for row in of_device(city, registered.device.id)] == ["recorded"]
    if first == "the start settles it":
        assert city.pki.complete_or_void(city.now).completed == 1
    issued = city.enrol(registered, body)
    (row,) = of_device(city, registered.device.id)
    assert (row.state, row.serial, row.certificate) == ("issued", issued.serial, issued.der)
    assert [one.serial for one in city.devices.credentials(registered.device.id)] == [row.serial]
    assert city.events().count("device.enrolled") == 1


def of_device(city: City, device_id: str) -> list[Any]:
    """Its rows; the first connections after the outage are those that it broke."""
    for _ in range(50):
        try:
            with city.runtime.database.read() as uow:
                return list(uow.all(select(certificates).where(certificates.c.holder == device_id)))
        except (OperationalError, InterfaceError):
            continue
    raise AssertionError("the database did not come back")
