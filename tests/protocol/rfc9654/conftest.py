"""An application of both packages in this process."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from foundation.runtime import Runtime
from tests.support.deployments import Prepare
from tests.support.devices import FOUNDING, Town, build_town, found_city


@pytest.fixture
def prepares() -> Sequence[Prepare]:
    return FOUNDING


@pytest.fixture
def town(runtime: Runtime) -> Town:
    return build_town(found_city(runtime))
