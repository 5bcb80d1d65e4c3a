"""Figures: processor time an act, rates and times, and ratios of paired rounds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.load import Load, together
from benchmarks.servers import Measured


@dataclass(frozen=True)
class Round:
    """One run, and the seconds of processor time that it took: of the server's processes, and of
    the database's (None where there is no database server, or it is not on this machine)."""

    load: Load
    server_s: float
    database_s: float | None

    @property
    def cost(self) -> float:
        """Microseconds an act, server and database together."""
        return _micro(self.server_s + (self.database_s or 0), self)


@dataclass(frozen=True)
class Figure:
    """One kind of work at one server: medians of its rounds, which alternated with those of the
    other servers. `rounds`: their rates; `costs`: their microseconds, server and database."""

    what: str
    server: str
    per_second: float
    server_us: float
    database_us: float | None
    p50_ms: float
    p99_ms: float
    rounds: tuple[float, ...] = ()
    costs: tuple[float, ...] = ()

    @property
    def us(self) -> float:
        return self.server_us + (self.database_us or 0)

    @property
    def per_core_second(self) -> float:
        """Acts in a second of processor time, the server's and the database's."""
        return round(1e6 / max(self.us, 1), 1)


@dataclass(frozen=True)
class Compared:
    """Processor time of an act there, in ours: 2 says that ours takes half of it."""

    what: str
    other: str
    ratio: float


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
    """MB of one server after so many requests."""

    requests: int
    memory_mb: float


@dataclass(frozen=True)
class Crowd:
    """Introspections, one after the other, while sign-ins by password keep the machine busy."""

    asked: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Pair:
    """Two processes on one database: what an act costs one alone, and both at once, in microseconds
    of the server's; and the database's, which is thought to be elsewhere."""

    one_us: float
    two_us: float
    database_one_us: float | None
    database_two_us: float | None
    one_per_second: float
    two_per_second: float
    how: str

    @property
    def gain(self) -> float:
        return round(2 * self.one_us / self.two_us, 2)


@dataclass(frozen=True)
class Taken:
    """What one run on one database gave."""

    database: str
    figures: Sequence[Figure]
    compared: Sequence[Compared]
    starts: Sequence[Start]
    memory: Sequence[Growth]
    crowd: Crowd | None
    pair: Pair | None
    left_out: Sequence[str]


def _micro(seconds: float, of: Round) -> float:
    return seconds * 1e6 / len(of.load.times)


def figure(what: str, server: str, rounds: Sequence[Round]) -> Figure:
    load = together([each.load for each in rounds])
    apart = [_micro(r.database_s, r) for r in rounds if r.database_s is not None]
    return Figure(
        what,
        server,
        per_second=round(load.rate, 1),
        server_us=round(statistics.median(_micro(r.server_s, r) for r in rounds), 1),
        database_us=round(statistics.median(apart), 1) if apart else None,
        p50_ms=round(load.percentile(0.5) * 1000, 2),
        p99_ms=round(load.percentile(0.99) * 1000, 2),
        rounds=tuple(round(each.load.rate, 1) for each in rounds),
        costs=tuple(round(each.cost, 1) for each in rounds),
    )


def ratio_of(ours: Figure, other: Figure) -> float:
    """The median over paired rounds, which a neighbour's load on the machine hardly moves."""
    if ours.costs and len(ours.costs) == len(other.costs):
        pairs = zip(ours.costs, other.costs, strict=True)
        return round(statistics.median(two / max(one, 1) for one, two in pairs), 2)
    return round(other.us / max(ours.us, 1), 2)


def beside(figures: Sequence[Figure]) -> list[Compared]:
    """Civitas beside every other server, like with like."""
    ours = {each.what: each for each in figures if each.server == "civitas"}
    return [
        Compared(each.what, each.server, ratio_of(ours[each.what], each))
        for each in figures
        if each.server != "civitas" and each.what in ours
    ]


def document(measured: Taken) -> dict[str, Any]:
    """As it is written to the results."""
    pair = measured.pair
    return {
        "database": measured.database,
        "figures": [
            {**asdict(each), "per_core_second": each.per_core_second} for each in measured.figures
        ],
        "compared": [asdict(each) for each in measured.compared],
        "starts": [asdict(each) for each in measured.starts],
        "memory": [asdict(each) for each in measured.memory],
        "crowd": None if measured.crowd is None else asdict(measured.crowd),
        "two_processes": None if pair is None else {**asdict(pair), "gain": pair.gain},
        "left_out": list(measured.left_out),
    }


def show(run: Mapping[str, Any]) -> None:
    """One database's figures, from the document that is written."""
    table = Table(title=run["database"])
    costs = ("server µs", "database µs", "a core-second")
    names = (*costs, "a second", "p50 ms", "p99 ms", "Civitas ÷")
    table.add_column("what")
    table.add_column("server")
    for name in names:
        table.add_column(name, justify="right")
    ratios = {(each["what"], each["other"]): each["ratio"] for each in run["compared"]}
    for row in run["figures"]:
        ratio = ratios.get((row["what"], row["server"]))
        database = row["database_us"]
        table.add_row(
            row["what"],
            row["server"],
            f"{row['server_us']:,.0f}",
            "" if database is None else f"{database:,.0f}",
            f"{row['per_core_second']:,.0f}",
            f"{row['per_second']:,.0f}",
            f"{row['p50_ms']:.1f}",
            f"{row['p99_ms']:.1f}",
            "" if ratio is None else f"{ratio:.2f}",
        )
    console = Console(width=max(140, Console().width))
    console.print(table)
    for sentence in run["left_out"]:
        console.print(sentence, markup=False)
    for start in run["starts"]:
        console.print(
            f"{start['server']}: answers {start['cold_start_s']} s after its start, "
            f"{start['memory_mb']:.0f} MB"
        )
