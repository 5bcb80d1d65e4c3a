"""What sweeps look at does not grow with the years."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from foundation.clock import FrozenClock
from pki.outlook import store as outlook_store
from pki.status import responders
from pki.tables import certificates
from tests.support.devices import City
from tests.support.statements import noting, plan


def test_of_a_responder_that_was_renewed_for_a_year_few_certificates_are_read(
    city: City, clock: FrozenClock
) -> None:
    authorities = [a for a in city.authority.hierarchy.all() if not a.is_root]
    assert authorities
    for _ in range(16):
        clock.advance(timedelta(days=22))
        assert city.authority.responders.renew(city.now) == len(authorities)
        assert city.authority.responders.renew(city.now) == 0
    ever = select(func.count().label("n")).where(certificates.c.profile == "ocsp")
    with city.runtime.database.read() as uow:
        row = uow.one(ever)
        assert row is not None
        assert row.n == 17 * len(authorities)
        for authority in authorities:
            assert len(responders._certificates(uow, authority, city.now)) <= 2


def test_whoever_looks_for_certificates_that_have_not_begun_reads_no_others(city: City) -> None:
    with city.runtime.database.read() as uow, noting() as asked:
        assert outlook_store.not_begun(uow, city.now) == []
    steps = plan(city.runtime.database, asked[0])
    assert any("ix_pki_certificates_not_before" in str(step) for step in steps), steps
