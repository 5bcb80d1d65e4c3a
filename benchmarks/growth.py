"""What each kind of work costs among many persons, beside what it costs among few.

`python -m benchmarks.growth --persons 1000000` founds two deployments on one database (a file each
on SQLite), fills one with 10,000 persons, devices and consents and one with a million, ten events a
person in each, and asks both in alternating rounds. It prints the cost of each kind at both sizes
and their ratio, and writes benchmarks/results/growth-<database>-<time>.json, of which the newest
stand in the table of targets. A million takes tens of gigabytes and the better part of an hour; the
default is a quick look.

Who asks are eight citizens and eight devices, at each size the same.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import kinds, measuring, product, python, report, rows, targets
from benchmarks.kinds import KINDS, Subject
from benchmarks.measuring import Meter
from benchmarks.storage import Storage, storage
from civitas import governance
from civitas.configuration import settings_of

FEW = 10_000
EVENTS_EACH = 10
# Those who ask have signed in before the rows are written, which may take an hour.
PATIENT = {"CIVITAS_LOGIN__SESSION_IDLE": "1000", "CIVITAS_LOGIN__SESSION_LIFETIME": "1000"}
WITHOUT = (kinds.CROWDED_DECISIONS,)
PATTERN = "growth-{}-2*.json"
Say = measuring.Say


def newest() -> list[dict[str, Any]]:
    """The newest results of each database."""
    found = [targets.newest(PATTERN.format(database)) for database in targets.BOTH]
    return [json.loads(file.read_text()) for file in found if file is not None]


def measure(
    where: Storage, sizes: Sequence[int], events_each: int, requests: int, say: Say
) -> dict[str, Any]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="civitas-growth-")))
        grown: list[tuple[product.Founded, product.Product]] = []
        for persons in sizes:
            say(f"{persons:,} persons …")
            world = stack.enter_context(product.founded(folder / str(persons), where.url))
            with product.serving(world, PATIENT) as process:
                ours = product.Product(world, world.provider, process)
                device = ours.settle()
            ours.name = f"{persons:,}"
            _fill(world, device, persons, events_each, say)
            grown.append((world, ours))
        for world, ours in grown:
            ours.process = stack.enter_context(product.serving(world, PATIENT))
        everybody: list[Subject] = [ours for _, ours in grown]
        meter = Meter(where.postmaster)
        meter.look(everybody)
        found = []
        for kind in KINDS:
            if kind.name not in WITHOUT:
                say(f"{kind.name} …")
                found.append(_compared(measuring.paired(kind, everybody, requests, meter)))
    return {
        "database": where.name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "requests": requests,
        "python": python.about(),
        "sizes": [{"persons": each, "events": each * events_each} for each in sizes],
        "kinds": found,
    }


def _fill(world: product.Founded, device: str, persons: int, events_each: int, say: Say) -> None:
    deployment = governance.assemble(settings_of(world.provider.config))
    runtime = deployment.runtime
    try:
        parts = rows.Parts(
            runtime.database, runtime.vault.store, runtime.guard, runtime.keys, runtime.audit
        )
        now = runtime.clock.now()
        rows.Growing(parts, device, events_each, now).grow(persons, say)
    finally:
        runtime.close()


def _compared(figures: Sequence[report.Figure]) -> dict[str, Any]:
    few, many = figures
    return {
        "what": few.what,
        "few_us": statistics.median(few.costs),
        "many_us": statistics.median(many.costs),
        # How many times as much an act costs among many.
        "ratio": report.ratio_of(few, many),
        "few": {"server_us": few.server_us, "database_us": few.database_us},
        "many": {"server_us": many.server_us, "database_us": many.database_us},
    }


def show(found: dict[str, Any]) -> None:
    few, many = (f"{size['persons']:,}" for size in found["sizes"])
    table = Table("µs an act, server and database", title=found["database"])
    for name in (few, many, "ratio"):
        table.add_column(name, justify="right")
    for each in found["kinds"]:
        table.add_row(
            each["what"],
            f"{each['few_us']:,.0f}",
            f"{each['many_us']:,.0f}",
            f"{each['ratio']:.2f}",
        )
    Console().print(table)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--persons", type=int, default=100_000, help="1000000 for the target")
    parser.add_argument("--few", type=int, default=FEW, help="what they are compared with")
    parser.add_argument("--events-each", type=int, default=EVENTS_EACH)
    parser.add_argument("--requests", type=int, default=2000, help="grants; others in proportion")
    parser.add_argument("--on", nargs="+", choices=targets.BOTH, default=targets.BOTH)
    parser.add_argument("--database", help="an empty PostgreSQL database of yours, by URL")
    parser.add_argument("--this-python", action="store_true", help="however slow it is")
    chosen = parser.parse_args(arguments)
    console = Console(stderr=True)
    if not (chosen.this_python or python.is_fit(console)):
        return 2
    for name in chosen.on:
        say = partial(python.say, console, name)
        with storage(name, chosen.database) as where:
            sizes = (chosen.few, chosen.persons)
            found = measure(where, sizes, chosen.events_each, chosen.requests, say)
        show(found)
        targets.RESULTS.mkdir(exist_ok=True)
        file = targets.RESULTS / f"growth-{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
        file.write_text(json.dumps(found, indent=2) + "\n")
        print(f"written to benchmarks/results/{file.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
