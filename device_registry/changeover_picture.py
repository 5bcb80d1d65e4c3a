"""A change-over as a drawing: who holds the second certificate, who is invited, where today is.

Coordinates only, in units of an SVG view box; the page draws them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from device_registry.changeover import ACTS, ChangeOver, Progress

WIDTH = 1000


@dataclass(frozen=True, slots=True)
class Drawn:
    """Widths of the two parts of the bar, where today stands, and what an operator may do."""

    change_over: ChangeOver
    progress: Progress
    hold_width: float
    invited_width: float
    today: float
    acts: tuple[str, ...]


def draw(progress: Progress, now: datetime) -> Drawn:
    """In proportion: the whole width is every device, or the whole time."""
    change_over = progress.change_over
    whole = max(progress.devices, progress.hold, 1)
    hold = WIDTH * progress.hold / whole
    return Drawn(
        change_over,
        progress,
        round(hold, 1),
        round(max(WIDTH * progress.invited / whole - hold, 0), 1),
        round(WIDTH * change_over.reached(now), 1),
        tuple(
            act
            for act, (before, _) in ACTS.items()
            if change_over.state in before and (act != "undo" or progress.newest)
        ),
    )
