"""An application of both wings in this process; TLS is stood in for."""

from __future__ import annotations

import pytest

from foundation.ground import Ground
from tests.support.devices import Town, build_town, found_city


@pytest.fixture
def town(ground: Ground) -> Town:
    return build_town(found_city(ground))
