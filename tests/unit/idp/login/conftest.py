"""A desk at which one can sign in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from foundation.clock import FrozenClock
from foundation.settings import Settings
from tests.support import deployments
from tests.support.sign_in import SignInDesk, with_cheap_passwords


@pytest.fixture
def desk(settings: Settings, clock: FrozenClock) -> Iterator[SignInDesk]:
    runtime = deployments.ready_runtime(with_cheap_passwords(settings), clock)
    yield SignInDesk(runtime)
    runtime.close()
