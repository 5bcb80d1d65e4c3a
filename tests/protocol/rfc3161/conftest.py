"""An application whose clock somebody vouches for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from foundation.runtime import Runtime
from foundation.settings import Settings
from pki import TimeStampSettings
from tests.support import deployments
from tests.support.deployments import Prepare
from tests.support.devices import FOUNDING, Town, build_town, found_city


@pytest.fixture
def prepares() -> Sequence[Prepare]:
    return FOUNDING


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return deployments.settings_in(tmp_path, TimeStampSettings(clock="operator"))


@pytest.fixture
def town(runtime: Runtime) -> Town:
    return build_town(found_city(runtime))
