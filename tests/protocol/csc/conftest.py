"""A city whose citizens sign with a password, and whose clock somebody vouches for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from documents.signing import SigningSettings
from foundation.clock import FrozenClock
from foundation.settings import Settings
from pki import TimeStampSettings
from tests.support import deployments
from tests.support.city import Visitor
from tests.support.signing import NAME, SigningCity


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return deployments.settings_in(
        tmp_path, TimeStampSettings(clock="operator"), SigningSettings(least_level=2)
    )


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[SigningCity]:
    made = SigningCity(settings, clock)
    yield made
    made.close()


@pytest.fixture
def citizen(city: SigningCity) -> Visitor:
    return city.citizen(city.persons[0], NAME)
