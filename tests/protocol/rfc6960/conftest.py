"""An application of both packages in this process."""

from __future__ import annotations

import pytest

from foundation.runtime import Runtime
from tests.support.devices import Town, build_town, found_city


@pytest.fixture
def town(runtime: Runtime) -> Town:
    return build_town(found_city(runtime))
