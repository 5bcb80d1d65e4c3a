"""A whole provider in this process, its routes and who may come through them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation.clock import FrozenClock
from tests.support.city import City
from tests.support.deployments import settings_in


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """One for all tests of a module: none of them may depend on what another left."""
    from tests.support import deployments

    folder: Path = tmp_path_factory.mktemp("provider")
    made = City(settings_in(folder), FrozenClock(deployments.START))
    made.runtime.audit.tree.sequence(made.clock.now())
    yield made
    made.close()
