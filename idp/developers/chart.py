"""A small picture of what became of a service's requests, day by day: bars, and their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from idp.oauth import Day

WIDTH, HEIGHT, GAP = 280, 72, 3


@dataclass(frozen=True, slots=True)
class Bar:
    """In units of the picture; `good` stands on the ground, `bad` on it."""

    day: Day
    x: float
    width: float
    good_y: float
    good_height: float
    bad_y: float
    bad_height: float


@dataclass(frozen=True, slots=True)
class Chart:
    bars: tuple[Bar, ...]
    most: int
    signed_in: int
    tokens: int
    refused: int

    @property
    def is_empty(self) -> bool:
        return self.most == 0


def chart_of(days: Sequence[Day]) -> Chart:
    """Bars as high as the busiest day allows."""
    most = max((day.signed_in + day.tokens + day.refused for day in days), default=0)
    step = WIDTH / max(len(days), 1)
    bars = []
    for number, day in enumerate(days):
        good = _height(day.signed_in + day.tokens, most)
        bad = _height(day.refused, most)
        ground = HEIGHT - good
        bars.append(
            Bar(
                day,
                round(number * step + GAP / 2, 2),
                round(step - GAP, 2),
                round(ground, 2),
                round(good, 2),
                round(ground - bad, 2),
                round(bad, 2),
            )
        )
    return Chart(
        tuple(bars),
        most,
        sum(day.signed_in for day in days),
        sum(day.tokens for day in days),
        sum(day.refused for day in days),
    )


def _height(times: int, most: int) -> float:
    """Whatever happened at all is seen."""
    return max(times * (HEIGHT - 2) / most, 1.5) if times and most else 0.0
