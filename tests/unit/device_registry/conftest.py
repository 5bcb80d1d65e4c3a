"""A city with its authorities, on SQLite."""

from __future__ import annotations

import pytest

from foundation.ground import Ground
from tests.support.devices import City, found_city


@pytest.fixture
def city(ground: Ground) -> City:
    return found_city(ground)
