"""Counting attempts holds, and never stands in its own way, on either database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from foundation.ground import Ground
from idp.login.settings import LoginSettings
from idp.login.throttle import Throttle

AT_ONCE, SIGN_INS = 8, 25


@pytest.mark.row("assurance", "AU-3")
def test_sign_ins_to_one_account_from_one_place_at_once_do_not_wait_for_each_other(
    any_ground: Ground,
) -> None:
    generous = LoginSettings(account_attempts=10_000, source_attempts=10_000)
    throttle = Throttle(any_ground, generous)

    def sign_in(_: int) -> None:
        for _ in range(SIGN_INS):
            attempt = throttle.count("account", "198.51.100.7", any_ground.clock.now())
            with any_ground.database.write() as uow:
                throttle.right(uow, attempt)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        # A deadlock would be an OperationalError of one of them.
        assert list(threads.map(sign_in, range(AT_ONCE))) == [None] * AT_ONCE
