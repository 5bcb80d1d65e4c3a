"""A desk at which one can sign in, on either kind of database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from foundation.clock import FrozenClock
from foundation.settings import Settings
from tests.support import deployments
from tests.support.sign_in import SignInDesk, with_cheap_passwords


@pytest.fixture
def desk(any_settings: Settings, clock: FrozenClock) -> Iterator[SignInDesk]:
    runtime = deployments.ready_runtime(with_cheap_passwords(any_settings), clock)
    yield SignInDesk(runtime)
    runtime.close()
