"""The points at which the chaos tests kill a process are functions that there are."""

from __future__ import annotations

import pytest

from tests.chaos import points
from tests.chaos.killer import place
from tests.chaos.points import Point

EVERY = [
    point
    for table in vars(points).values()
    if isinstance(table, tuple)
    for point in table
    if isinstance(point, Point)
]


@pytest.mark.parametrize("function", sorted({point.function for point in EVERY}))
def test_a_process_can_be_killed_at_this_function(function: str) -> None:
    holder, name = place(function)
    assert callable(getattr(holder, name))
