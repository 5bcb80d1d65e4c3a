"""`make bench`: measure on SQLite and on PostgreSQL, print the table of targets, write results/."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import growth, measuring, python, report, servers, targets
from benchmarks.kinds import KINDS
from benchmarks.storage import storage


def main(arguments: list[str]) -> int:
    chosen = _chosen(arguments)
    wanted = [kind for kind in KINDS if not chosen.only or kind.name in chosen.only]
    console = Console(stderr=True)
    if not (chosen.this_python or python.is_fit(console)):
        return 2
    runs = []
    for name in chosen.on:
        with storage(name, chosen.database) as where:
            taken = measuring.measure(
                where,
                wanted,
                chosen.requests,
                whole=not chosen.only,
                say=partial(python.say, console, name),
            )
        runs.append(report.document(taken))
        report.show(runs[-1])
    document: dict[str, Any] = {
        "about": _about(chosen.requests),
        "runs": runs,
        "growth": growth.newest(),
    }
    document["targets"] = targets.dumped(targets.rows(document))
    file = _write(document)
    targets.show(document)
    print(f"written to {file.relative_to(servers.ROOT)}")
    return 0


def _chosen(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--requests", type=int, default=4000, help="grants; others in proportion")
    both = ["sqlite", "postgresql"]
    parser.add_argument("--on", nargs="+", choices=both, default=both, help="which databases")
    parser.add_argument("--database", help="an empty PostgreSQL database of yours, by URL")
    parser.add_argument(
        "--only", nargs="+", choices=[kind.name for kind in KINDS], help="which kinds of work"
    )
    parser.add_argument("--this-python", action="store_true", help="however slow it is")
    return parser.parse_args(arguments)


def _about(requests: int) -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "requests": requests,
        "python": python.about(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "load_average": os.getloadavg(),
    }


def _write(document: dict[str, Any]) -> Path:
    targets.RESULTS.mkdir(exist_ok=True)
    file = targets.RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    file.write_text(json.dumps(document, indent=2) + "\n")
    return file


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
