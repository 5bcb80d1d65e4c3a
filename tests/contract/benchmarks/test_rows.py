"""Rows that the bench writes by the million are rows as the product writes them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from benchmarks.rows import COPIED, Growing, Parts
from civitas.residents import as_csv, residents
from foundation.clock import FrozenClock
from foundation.database import metadata
from foundation.settings import Settings
from tests.support.city import City
from tests.support.devices import same_city

COPIES, EVENTS_EACH = 7, 3


@pytest.fixture
def city(any_settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(any_settings, clock)
    yield made
    made.close()


def test_copied_rows_prove_themselves_and_the_tree_holds_their_events(city: City) -> None:
    *_, last = city.importer.run(as_csv(residents(1, city="Civitas", country="XX")), "one.csv")
    [person] = city.importer.persons(last.import_id)
    city.citizen(person, "first.citizen")
    device, _, _ = same_city(city.runtime).enrolled()
    runtime = city.runtime
    parts = Parts(runtime.database, runtime.vault.store, runtime.guard, runtime.keys, runtime.audit)
    before = _counted(city)
    growing = Growing(parts, device.device.id, EVENTS_EACH, city.clock.now())
    growing.grow(COPIES, lambda _: None)
    after = _counted(city)
    for name in ("register_persons", "devices", "pki_certificates", "login_credentials"):
        assert after[name] > before[name], name
    assert after["register_persons"] == before["register_persons"] + COPIES
    # What the guard lets through is all that is there: every MAC is right.
    with runtime.database.read() as uow:
        for name in COPIED:
            assert len(uow.all(select(metadata.tables[name]))) == after[name], name
    report = runtime.audit.tree.verify()
    assert report.problems == ()
    with runtime.database.read() as uow:
        copy = next(
            row.id
            for row in uow.all(select(metadata.tables["register_persons"].c.id))
            if row.id != person
        )
    assert len(runtime.audit.ledger(copy)) == EVENTS_EACH


def _counted(city: City) -> dict[str, int]:
    """As they stand there, whether anybody may read them or not."""
    with city.runtime.database.engine.connect() as connection:
        return {
            name: connection.execute(
                select(func.count()).select_from(metadata.tables[name])
            ).scalar_one()
            for name in COPIED
        }
