"""Figures as a table for people and as JSON for programs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.load import Load, together
from benchmarks.servers import Measured


@dataclass(frozen=True)
class Figure:
    """One kind of work at one server. Times in milliseconds; `rounds`: rates of single runs, which
    alternated with those of the other servers."""

    what: str
    server: str
    per_second: float
    per_core_second: float
    p50_ms: float
    p99_ms: float
    rounds: tuple[float, ...] = ()
    ratio: float | None = None
    target: float | None = None

    @property
    def reached(self) -> bool | None:
        if self.ratio is None or self.target is None:
            return None
        return self.ratio >= self.target


def figure(what: str, server: str, loads: Sequence[Load], processor_seconds: float) -> Figure:
    load = together(loads)
    return Figure(
        what,
        server,
        per_second=round(load.rate, 1),
        per_core_second=round(len(load.times) / max(processor_seconds, 0.01), 1),
        p50_ms=round(load.percentile(0.5) * 1000, 2),
        p99_ms=round(load.percentile(0.99) * 1000, 2),
        rounds=tuple(round(each.rate, 1) for each in loads),
    )


def ratio_of(ours: Figure, other: Figure) -> float:
    """The median over paired rounds, which a neighbour's load on the machine hardly moves."""
    if ours.rounds and len(ours.rounds) == len(other.rounds):
        pairs = zip(ours.rounds, other.rounds, strict=True)
        return round(statistics.median(one / two for one, two in pairs), 2)
    return round(ours.per_second / other.per_second, 2)


def beside(figures: Sequence[Figure], yardsticks: Sequence[tuple[str, float]]) -> list[Figure]:
    """Civitas's figures, beside each yardstick (server, least ratio)."""
    like = {(each.what, each.server): each for each in figures}
    compared: list[Figure] = []
    for each in figures:
        if each.server != "civitas":
            compared.append(each)
            continue
        for server, target in yardsticks:
            if other := like.get((each.what, server)):
                named = f"civitas ÷ {server}"
                ratio = ratio_of(each, other)
                compared.append(replace(each, server=named, ratio=ratio, target=target))
    return compared


@dataclass(frozen=True)
class Start:
    """How a server begins: seconds from the command to the first answer, MB once it answered."""

    server: str
    cold_start_s: float
    memory_mb: float

    @classmethod
    def of(cls, server: str, measured: Measured) -> Start:
        return cls(server, round(measured.started_in, 2), round(measured.memory, 1))


@dataclass(frozen=True)
class Growth:
    """MB of one process after so many requests."""

    requests: int
    memory_mb: float


def show(
    title: str,
    figures: Sequence[Figure],
    starts: Sequence[Start],
    growth: Sequence[Growth],
) -> None:
    names = ("what", "server", "per second", "per core", "p50 ms", "p99 ms", "ratio", "target")
    table = Table(*names, title=title)
    for row in figures:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        colour = {True: "green", False: "red", None: "default"}[row.reached]
        table.add_row(
            row.what,
            row.server,
            f"{row.per_second:,.0f}",
            f"{row.per_core_second:,.0f}",
            f"{row.p50_ms:.1f}",
            f"{row.p99_ms:.1f}",
            f"[{colour}]{ratio}[/{colour}]",
            "" if row.target is None else f"≥ {row.target}",
        )
    console = Console(width=max(120, Console().width))
    console.print(table)
    for start in starts:
        console.print(
            f"{start.server}: answers {start.cold_start_s} s after its start, "
            f"{start.memory_mb:.0f} MB"
        )
    said = ", ".join(f"{g.memory_mb:.0f} MB after {g.requests:,}" for g in growth)
    console.print(f"civitas, requests answered: {said}")


def document(
    database: str,
    figures: Sequence[Figure],
    starts: Sequence[Start],
    growth: Sequence[Growth],
) -> dict[str, Any]:
    return {
        "database": database,
        "figures": [{**asdict(each), "reached": each.reached} for each in figures],
        "starts": [asdict(start) for start in starts],
        "growth": [asdict(each) for each in growth],
    }
