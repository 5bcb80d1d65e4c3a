"""A limit binds who owns a network, not who writes from one address — on either database."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from foundation.database import Database
from foundation.errors import TooManyRequests
from foundation.rates import RESERVE, Rates

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIMIT = 4


def _passed(rates: Rates, sources: Iterable[str]) -> int:
    """How many wrong attempts, one from each source, were let through."""
    passed = 0
    for source in sources:
        try:
            rates.check_wrong("door", source, LIMIT, HOUR, NOW)
            passed += 1
        except TooManyRequests:
            continue
    return passed


@pytest.mark.parametrize(
    ("pattern", "times"),
    [("2001:db8:0:{:x}00::1", 2), ("2001:db8:0:00{:02x}::1", 1.5), ("2001:db8:{:x}::1", 4)],
    ids=["a /48", "a /56", "a /40"],
)
def test_who_has_a_whole_network_has_no_more_attempts_than_its_width_is_due(
    any_database: Database, pattern: str, times: float
) -> None:
    sources = [pattern.format(number) for number in range(40)]
    assert _passed(Rates(any_database), sources) == LIMIT * times


def test_who_fills_what_many_share_leaves_each_of_the_others_a_reserve(
    any_database: Database,
) -> None:
    rates = Rates(any_database)
    # A whole /32, a /40 after the other: beyond the limit each of these has its reserve only.
    attacker = [f"2001:db8:{number:x}00::1" for number in range(12) for _ in range(LIMIT)]
    assert LIMIT * 8 <= _passed(rates, attacker) <= LIMIT * 8 + 12 * RESERVE
    neighbour = ["2001:db8:ff00::1"] * 2 * RESERVE
    assert _passed(rates, neighbour) == RESERVE
    elsewhere = ["198.51.100.7"] * LIMIT
    assert _passed(rates, elsewhere) == LIMIT


def test_who_is_known_is_not_slowed_down_by_the_wrong_guesses_of_neighbours(
    any_database: Database,
) -> None:
    rates = Rates(any_database)
    neighbours = [f"198.51.100.{number}" for number in range(1, LIMIT * 4 + 1)]
    assert _passed(rates, neighbours) == LIMIT * 4
    for shared, allowed in ((True, RESERVE), (False, LIMIT - RESERVE)):
        with any_database.write() as uow:
            for _ in range(allowed):
                rates.attempt_from(uow, "door", "198.51.100.99", LIMIT, HOUR, NOW, shared=shared)
    with pytest.raises(TooManyRequests), any_database.write() as uow:
        rates.attempt_from(uow, "door", "198.51.100.99", LIMIT, HOUR, NOW, shared=False)


def test_a_right_attempt_takes_nothing_from_any_network(any_database: Database) -> None:
    rates = Rates(any_database)
    full = [f"198.51.{number}.1" for number in range(LIMIT * 16)]
    _passed(rates, full)  # the /16 is full, so what comes now takes from the reserve
    for _ in range(20):
        with any_database.write() as uow:
            source = "198.51.200.7"
            counted = rates.attempt_from(uow, "door", source, LIMIT, HOUR, NOW, shared=True)
            assert counted.reserve
            rates.right_from(uow, counted)


def test_the_refusal_names_the_network_that_is_full(any_database: Database) -> None:
    rates = Rates(any_database)
    sources = [f"2001:db8:0:{number:x}00::1" for number in range(LIMIT * 2)]
    assert _passed(rates, sources) == LIMIT * 2
    with pytest.raises(TooManyRequests) as full:
        rates.check_wrong("door", "2001:db8:0:ff00::1", LIMIT, HOUR, NOW)
    assert full.value.key == "2001:db8::/48"
