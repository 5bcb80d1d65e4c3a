"""A whole provider on either kind of database, for what operators do in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from foundation.clock import FrozenClock
from foundation.settings import Settings
from tests.support.city import City


@pytest.fixture
def city(any_settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(any_settings, clock)
    yield made
    made.close()
