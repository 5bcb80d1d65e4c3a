"""What is promised, and whether a run kept it: one table, made from the run's JSON.

`python -m benchmarks.targets [FILE] [--markdown]` prints it again, by default of the newest
results. A figure that a run did not take is "not measured": the row stays.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from benchmarks import kinds

RESULTS = Path(__file__).parent / "results"
SQLITE, POSTGRESQL = "sqlite", "postgresql"
BOTH = (SQLITE, POSTGRESQL)
FLAT = 1.05
Run = Mapping[str, Any]
Found = float | None
Verdict = Literal["met", "not met", "not measured"]


@dataclass(frozen=True)
class Target:
    """One row: what, where it is found in a run's document, and the bound that it has to keep."""

    what: str
    unit: str
    find: Callable[[Run], Found]
    bounds: Mapping[str, float]
    """By database."""
    most: bool = False
    """Whether the bound is the most that it may be, not the least."""
    below: bool = False
    """… and may not even be reached."""


@dataclass(frozen=True)
class Row:
    """A target and what a run found."""

    what: str
    database: str
    figure: Found
    unit: str
    target: str
    verdict: Verdict


def _ours(run: Run, what: str) -> Mapping[str, Any] | None:
    for each in run["figures"]:
        if each["what"] == what and each["server"] == "civitas":
            return dict(each)
    return None


def _half_counted(run: Run, ours: Mapping[str, Any]) -> bool:
    """A PostgreSQL on another machine: what it used is not known, and would flatter us."""
    return bool(run["database"] == POSTGRESQL and ours["database_us"] is None)


def _times(what: str, key: str) -> Callable[[Run], Found]:
    def find(run: Run) -> Found:
        ours = _ours(run, what)
        return None if ours is None else float(ours[key])

    return find


def _core(what: str) -> Callable[[Run], Found]:
    def find(run: Run) -> Found:
        ours = _ours(run, what)
        return None if ours is None or _half_counted(run, ours) else float(ours["per_core_second"])

    return find


def _ratio(what: str, other: str) -> Callable[[Run], Found]:
    def find(run: Run) -> Found:
        ours = _ours(run, what)
        if ours is None or _half_counted(run, ours):
            return None
        for each in run["compared"]:
            if each["what"] == what and each["other"] == other:
                return float(each["ratio"])
        return None

    return find


def _of(section: str, key: str) -> Callable[[Run], Found]:
    return lambda run: float(run[section][key]) if run.get(section) else None


def _memory(run: Run) -> Found:
    return max((float(each["memory_mb"]) for each in run["memory"]), default=None)


def _flat(run: Run) -> Found:
    """The last, of what it was after a thousand requests."""
    said = [each["memory_mb"] for each in run["memory"] if each["requests"]]
    return round(said[-1] / said[0], 3) if len(said) > 1 else None


def _start(run: Run) -> Found:
    return next((s["cold_start_s"] for s in run["starts"] if s["server"] == "civitas"), None)


def _both(bound: float) -> Mapping[str, float]:
    return dict.fromkeys(BOTH, bound)


CORE = "a core-second"
TIMES = "×"
TARGETS = (
    Target("client-credential grants, beside oidc-provider in memory", TIMES,
           _ratio(kinds.GRANTS, "oidc-provider"), _both(2.5)),
    Target("client-credential grants, beside Keycloak", TIMES,
           _ratio(kinds.GRANTS, "keycloak"), {POSTGRESQL: 10}),
    Target("introspections", CORE,
           _core(kinds.INTROSPECTIONS), {SQLITE: 3000, POSTGRESQL: 1500}),
    Target("OCSP answers", CORE,
           _core(kinds.STATUS_ANSWERS), _both(4000)),
    Target("decisions, 32 connections", CORE,
           _core(kinds.CROWDED_DECISIONS), {SQLITE: 1300, POSTGRESQL: 900}),
    Target("decisions, 32 connections, p99", "ms",
           _times(kinds.CROWDED_DECISIONS, "p99_ms"), _both(20), most=True, below=True),
    Target("enrolments kept alive, beside step-ca", TIMES,
           _ratio(kinds.ENROLMENTS, "step-ca"), {SQLITE: 1.0, POSTGRESQL: 1.8}),
    Target("enrolments on fresh connections, beside step-ca", TIMES,
           _ratio(kinds.FRESH_ENROLMENTS, "step-ca"), _both(1.0)),
    Target("code flows", CORE, _core(kinds.CODE_FLOWS), _both(450)),
    Target("password sign-ins, beside the hash alone", TIMES,
           _ratio(kinds.SIGN_INS, "the hash alone"), _both(0.9)),
    Target("introspection while sign-ins saturate the machine, p99", "ms",
           _of("crowd", "p99_ms"), _both(50), most=True, below=True),
    Target("password sign-ins at the same hash, beside Keycloak", TIMES,
           _ratio(kinds.FORM_SIGN_INS, "keycloak"), {POSTGRESQL: 1.2}),
    Target("memory after all kinds of work, the most", "MB", _memory, _both(150), most=True),
    Target("memory, later beside earlier", TIMES, _flat, _both(FLAT), most=True),
    Target("cold start to the first answer", "s", _start, _both(2), most=True, below=True),
    Target("two processes on two cores, beside one", TIMES,
           _of("two_processes", "gain"), {POSTGRESQL: 1.8}),
)  # fmt: skip
GROWTH = 1.3
PROMISED = {"persons": 1_000_000, "events": 10_000_000}


def rows(document: Mapping[str, Any]) -> list[Row]:
    """Of every database that was measured; the last rows are of the newest run of growth."""
    runs = {run["database"]: run for run in document["runs"]}
    found = [
        _row(target, database, target.find(runs[database]))
        for target in TARGETS
        for database in target.bounds
        if database in runs
    ]
    return found + list(_grown(document.get("growth") or []))


def _row(target: Target, database: str, figure: Found) -> Row:
    bound = target.bounds[database]
    sign = ("<" if target.below else "≤") if target.most else "≥"
    said = f"{sign} {bound:,g}"
    return Row(target.what, database, figure, target.unit, said, _verdict(target, bound, figure))


def _verdict(target: Target, bound: float, figure: Found) -> Verdict:
    if figure is None:
        return "not measured"
    if target.most:
        kept = figure < bound if target.below else figure <= bound
    else:
        kept = figure >= bound
    return "met" if kept else "not met"


def _grown(runs: Sequence[Mapping[str, Any]]) -> Iterable[Row]:
    """A look at fewer rows than are promised has figures, and no verdict."""
    bound = f"≤ {GROWTH:g}"
    for run in runs:
        small, big = run["sizes"]
        whole = all(big[name] >= many for name, many in PROMISED.items())
        for each in run["kinds"]:
            what = f"{each['what']}, at {big['persons']:,} persons beside {small['persons']:,}"
            verdict: Verdict = "not measured"
            if whole:
                verdict = "met" if each["ratio"] <= GROWTH else "not met"
            yield Row(what, run["database"], each["ratio"], TIMES, bound, verdict)
    for database in BOTH:
        if database not in [run["database"] for run in runs]:
            what = "each kind, at 1,000,000 persons beside 10,000 (python -m benchmarks.growth)"
            yield Row(what, database, None, TIMES, bound, "not measured")


def dumped(found: Sequence[Row]) -> list[dict[str, Any]]:
    return [asdict(row) for row in found]


def said(figure: Found, unit: str) -> str:
    """As both tables print it."""
    if figure is None:
        return "—"
    if unit == CORE or figure >= 1000:
        return f"{figure:,.0f}"
    return f"{figure:,.2f}" if unit in (TIMES, "s") else f"{figure:,.1f}"


def show(document: Mapping[str, Any], console: Console | None = None) -> None:
    """Print what stands under `targets` in the document that is written."""
    table = Table("what", "database", title="Targets")
    for name in ("figure", "target"):
        table.add_column(name, justify="right")
    table.add_column("")
    colours = {"met": "green", "not met": "red", "not measured": "yellow"}
    for row in document["targets"]:
        colour = colours[row["verdict"]]
        table.add_row(
            row["what"],
            row["database"],
            f"{said(row['figure'], row['unit'])} {row['unit']}",
            row["target"],
            f"[{colour}]{row['verdict']}[/{colour}]",
        )
    console = console or Console()
    console.width = max(140, console.width)
    console.print(table)
    console.print(_made_with(document["about"]))


def markdown(document: Mapping[str, Any]) -> str:
    """The same, for a page."""
    head = ["| | SQLite | PostgreSQL | target |", "|---|---|---|---|"]
    lines = [_made_with(document["about"]), "", *head]
    by_what: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in document["targets"]:
        by_what.setdefault(row["what"], {})[row["database"]] = row
    for what, cells in by_what.items():
        figures = [_cell(cells.get(database)) for database in BOTH]
        bounds = list(dict.fromkeys(cells[d]["target"] for d in BOTH if d in cells))
        unit = next(iter(cells.values()))["unit"]
        lines.append(f"| {what} | {' | '.join(figures)} | {', '.join(bounds)} {unit} |")
    return "\n".join(lines)


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    figure = said(row["figure"], row["unit"])
    return f"**{figure}**" if row["verdict"] == "not met" else figure


def _made_with(about: Mapping[str, Any]) -> str:
    python = about["python"]
    return (
        f"{about['at']}, {about['requests']:,} requests of each cheap kind, {about['cores']} cores "
        f"({about['machine']}), Python {python['version']} from {python['from']}, compiled with "
        f"{python['compiled']}, plain loops {python['plain_loops_ms']} ms"
    )


def newest(pattern: str = "2*.json") -> Path | None:
    return max(RESULTS.glob(pattern), default=None)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="of benchmarks/results; or the newest")
    parser.add_argument("--markdown", action="store_true", help="for docs/benchmarks.md")
    chosen = parser.parse_args(arguments)
    file = chosen.file or newest()
    if file is None:
        parser.error("there are no results: run `make bench`")
    document = json.loads(file.read_text())
    if chosen.markdown:
        print(markdown(document))
    else:
        show(document)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
