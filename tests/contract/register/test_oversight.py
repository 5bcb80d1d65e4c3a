"""Officers' figures: busiest day against the median, on either kind of database."""

from __future__ import annotations

from datetime import timedelta

from foundation.audit import Actor
from idp.register import officers_measures
from idp.register.lookup import Lookups
from idp.register.oversight import measured, stands_out

FIRST, SECOND, THIRD = (Actor("staff", f"stf_{n}") for n in ("first", "second", "third"))


def test_an_officer_who_looks_many_people_up_in_a_day_stands_out(any_runtime, person_id):
    lookups, clock = Lookups(any_runtime), any_runtime.clock
    for officer, times in ((FIRST, 2), (SECOND, 3), (THIRD, 11)):
        for _ in range(times):
            lookups.open(person_id, "request", officer, clock.now())
    clock.advance(timedelta(days=1))
    lookups.open(person_id, "request", THIRD, clock.now())
    with any_runtime.database.read() as uow:
        found = {one.name: one for one in officers_measures(uow, clock.now(), 30)}
    looked = {f.officer: (f.busiest, f.total, f.stands_out) for f in found["looked-up"].figures}
    assert looked["stf_first"] == (2, 2, False)
    assert looked["stf_third"] == (11, 12, True)
    clock.advance(timedelta(days=40))
    with any_runtime.database.read() as uow:
        assert all(not one.figures for one in officers_measures(uow, clock.now(), 30))


def test_nobody_stands_out_among_few_acts_or_equals():
    assert not stands_out(4, 0)
    assert not stands_out(30, 10)
    assert stands_out(31, 10)
    assert measured("refused", {}, []).median == 0
