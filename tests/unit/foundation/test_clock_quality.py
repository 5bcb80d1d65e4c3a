"""What the kernel's answer about the clock promises — RFC 5905 §11.3."""

from __future__ import annotations

from datetime import timedelta

import pytest

from foundation import clock_quality


@pytest.mark.parametrize(
    ("state", "status", "promised"),
    [
        (0, 0x0001, timedelta(microseconds=1500)),
        (1, 0x0011, timedelta(microseconds=1500)),  # a leap second comes; the clock is right
        (5, 0x0001, None),
        (0, 0x0040, None),
        (-1, 0, None),
    ],
)
def test_only_a_synchronised_clock_promises_anything(
    state: int, status: int, promised: timedelta | None
) -> None:
    assert clock_quality.bound(state, status, 1500) == promised


def test_the_kernel_of_this_machine_can_be_asked() -> None:
    said = clock_quality.said_by_kernel()
    assert said is None or said >= timedelta(0)
