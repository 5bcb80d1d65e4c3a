"""The board as a drawing: bars of authorities over the years, columns of what ends each month.

Coordinates only, in units of an SVG view box; the page draws them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pki.outlook.board import Board

WIDTH = 1000
LABELS = 230
ROW = 34
COLUMNS = 180


@dataclass(frozen=True, slots=True)
class Bar:
    """An authority: from where to where on the axis, and whether it signs now."""

    name: str
    y: int
    x: float
    width: float
    signs: bool
    until: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A year on the axis."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Column:
    """A month: how high its column is, and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Picture:
    """Both drawings, `height` and `columns_height` tall."""

    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    today: float
    height: int
    columns: tuple[Column, ...]
    columns_height: int
    most: int


def draw(board: Board) -> Picture:
    """From the oldest beginning to the last end, in proportion."""
    begins = min((a.not_before for a in board.authorities), default=board.now)
    ends = max((a.not_after for a in board.authorities), default=board.now)
    whole = max((ends - begins).total_seconds(), 1.0)

    def x(at: datetime) -> float:
        return round(LABELS + (WIDTH - LABELS) * (at - begins).total_seconds() / whole, 1)

    bars = tuple(
        Bar(a.authority, 24 + ROW * row, x(a.not_before),
            max(x(a.not_after) - x(a.not_before), 2.0), a.signs, a.not_after.date().isoformat())
        for row, a in enumerate(board.authorities)
    )  # fmt: skip
    step = max(1, (ends.year - begins.year) // 8)
    marks = tuple(
        Mark(x(datetime(year, 1, 1, tzinfo=begins.tzinfo)), str(year))
        for year in range(begins.year + 1, ends.year + 1, step)
    )
    most = max((sum(counts.values()) for _, counts in board.months), default=0)
    return Picture(
        bars, marks, x(board.now), 24 + ROW * len(bars) + 24, _columns(board, most), COLUMNS, most
    )


def _columns(board: Board, most: int) -> tuple[Column, ...]:
    width = WIDTH / max(len(board.months), 1)
    columns = []
    for position, (month, counts) in enumerate(board.months):
        count = sum(counts.values())
        height = round((COLUMNS - 50) * count / most, 1) if most else 0.0
        columns.append(
            Column(round(position * width + 4, 1), round(COLUMNS - 26 - height, 1),
                   round(width - 8, 1), height, month.strftime("%Y-%m"), count)
        )  # fmt: skip
    return tuple(columns)
