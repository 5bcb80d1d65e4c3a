"""A city with its authorities, on SQLite."""

from __future__ import annotations

import pytest

from foundation.runtime import Runtime
from tests.support.devices import City, found_city


@pytest.fixture
def city(runtime: Runtime) -> City:
    return found_city(runtime)
