"""A city with a wallet, a phone, and a citizen whose papers an officer saw."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from foundation.clock import FrozenClock
from foundation.settings import Settings
from tests.support.city import Visitor
from tests.support.lockers import Lockers
from tests.support.wallets import Phone, citizen_of, wallets


@pytest.fixture
def city_and_phone(settings: Settings, clock: FrozenClock) -> Iterator[tuple[Lockers, Phone]]:
    with wallets(settings, clock) as (city, wallet):
        yield city, Phone(city, wallet)


@pytest.fixture
def city(city_and_phone: tuple[Lockers, Phone]) -> Lockers:
    return city_and_phone[0]


@pytest.fixture
def phone(city_and_phone: tuple[Lockers, Phone]) -> Phone:
    return city_and_phone[1]


@pytest.fixture
def citizen(city: Lockers) -> Visitor:
    return citizen_of(city)
