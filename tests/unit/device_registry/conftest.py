"""A city with its authorities, on SQLite."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from foundation.runtime import Runtime
from tests.support.deployments import Prepare
from tests.support.devices import FOUNDING, City, found_city


@pytest.fixture
def prepares() -> Sequence[Prepare]:
    return FOUNDING


@pytest.fixture
def city(runtime: Runtime) -> City:
    return found_city(runtime)
