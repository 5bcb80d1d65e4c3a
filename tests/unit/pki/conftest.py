"""A city with its authorities, on SQLite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from foundation.runtime import Runtime
from tests.support import softhsm
from tests.support.deployments import Prepare
from tests.support.devices import FOUNDING, City, found_city


@pytest.fixture
def prepares() -> Sequence[Prepare]:
    return FOUNDING


@pytest.fixture
def city(runtime: Runtime) -> City:
    return found_city(runtime)


@pytest.fixture(scope="session")
def hsm() -> Iterator[Path]:
    """Where SoftHSM keeps the tokens of this process."""
    with softhsm.tokens() as folder:
        yield folder
