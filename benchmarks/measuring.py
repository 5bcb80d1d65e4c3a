"""One database: every kind of work at every server, in alternating rounds."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import kinds, product, report, servers, subjects
from benchmarks.kinds import Kind, Subject
from benchmarks.load import Load, lanes, run_lanes
from benchmarks.report import Figure, Growth, Start
from benchmarks.step_ca import step_ca_running

ROUNDS = 10
STARTS = 3
FLAT_FROM, FLAT_TO = 1_000, 20_000
Say = Callable[[str], None]


@dataclass(frozen=True)
class Measured:
    """What one run on one database gave."""

    figures: Sequence[Figure]
    starts: Sequence[Start]
    growth: Sequence[Growth]


@dataclass(frozen=True)
class Storage:
    """Where the servers keep their rows: `url` is None for SQLite in the run's own folder."""

    name: str
    url: str | None = None
    schema: str | None = None


def measure(
    storage: Storage, wanted: Iterable[Kind], requests: int, flat: bool, say: Say
) -> Measured:
    """Every kind, each server's rounds alternating with the others'."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="civitas-bench-")))
        world = stack.enter_context(product.founded(folder, storage.url))
        starts = _starts(world, say)
        process = stack.enter_context(product.serving(world))
        ours = product.Product(world, world.provider, process)
        url = storage.url or f"sqlite:///{folder}/bare.db"
        others: list[Subject] = [
            stack.enter_context(subjects.bare_running(folder / "bare", url, storage.schema))
        ]
        beside: Sequence[tuple[str, Callable[[Path], AbstractContextManager[Subject]]]] = (
            ("peer", subjects.peer_running),
            ("step-ca", partial(step_ca_running, database=storage.url)),
        )
        for name, running in beside:
            try:
                others.append(stack.enter_context(running(folder / name)))
            except servers.Missing as missing:
                say(str(missing))
        starts += [Start.of(each.name, each.process) for each in others]
        figures: list[Figure] = []
        for kind in wanted:
            say(f"{kind.name} …")
            figures += _paired(kind, [*others, ours], requests, storage.name)
        growth = _growth(ours) if flat else []
        return Measured(figures, starts, growth)


def _paired(kind: Kind, servers_: Sequence[Subject], requests: int, database: str) -> list[Figure]:
    able = [each for each in servers_ if kind.name in each.offers]
    # Long enough that its beginning and its end, when fewer than all are at work, count for little.
    each_round = max(4 * subjects.CONNECTIONS, int(requests * kind.share) // ROUNDS)
    loads: dict[str, list[Load]] = {each.name: [] for each in able}
    processor = dict.fromkeys(loads, 0.0)
    for subject in able:  # warm caches, connections and prepared statements
        _run(subject, kind, max(subjects.CONNECTIONS, each_round // 4))
    for nth in range(ROUNDS):
        # What one server still does after its turn falls on each of the others as often.
        for subject in able if nth % 2 else reversed(able):
            load, used = _run(subject, kind, each_round)
            loads[subject.name].append(load)
            processor[subject.name] += used
    figures = [report.figure(kind.name, name, loads[name], processor[name]) for name in loads]
    targets = [
        ("bare", kind.target(database)),
        ("oidc-provider", kinds.PEER_TARGET),
        ("step-ca", kinds.STEP_CA_TARGET),
    ]
    return report.beside(figures, targets)


def _run(subject: Subject, kind: Kind, count: int) -> tuple[Load, float]:
    work = subject.offers[kind.name](count)
    before = subject.process.processor_seconds
    load = run_lanes(work.port, work.lanes)
    return load, subject.process.processor_seconds - before


def _starts(world: product.Founded, say: Say) -> list[Start]:
    """The median of a few cold starts."""
    say("cold starts …")
    starts = []
    for _ in range(STARTS):
        with product.serving(world) as process:
            starts.append(Start.of("civitas", process))
    middle = statistics.median_low([start.cold_start_s for start in starts])
    return [next(start for start in starts if start.cold_start_s == middle)]


def _growth(ours: product.Product) -> list[Growth]:
    """Memory of a fresh mix of grants and introspections, early and late."""
    pair = [ours.grant(), ours.introspection()]
    grown, sent = [], 0
    for goal in (FLAT_FROM, FLAT_TO):
        while sent < goal:
            # A token lives five minutes: the introspected one is made anew now and then.
            pair = [ours.grant(), ours.introspection()]
            count = min(1_000, goal - sent)
            run_lanes(ours.process.port, lanes(subjects.CONNECTIONS, pair * (count // 2)))
            sent += count
        grown.append(Growth(goal, round(ours.process.memory, 1)))
    return grown
