"""Deployments that are founded with their authorities."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.support.deployments import Prepare
from tests.support.devices import FOUNDING


@pytest.fixture
def prepares() -> Sequence[Prepare]:
    return FOUNDING
