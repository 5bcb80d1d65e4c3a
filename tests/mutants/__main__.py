"""Take out each control in a copy, run the test that names it, want it red: `make mutants`.

    python -m tests.mutants                       # all
    python -m tests.mutants EN-5 "privacy G-5"    # these rows

First the named tests run on the untouched copy, where each must be green: a test that is red
anyway proves nothing. A mutant that stays green fails, with the row's name; so does one that only
falls over (it does not import, raises something else than a failed assertion, takes too long).
"""

from __future__ import annotations

import argparse
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from scripts import assurance_controls
from tests.mutants.copies import Copy
from tests.mutants.table import LAST_RED, ROOT, Mutant, last_red, mutants, write_last_red

SECONDS = 90
"""The longest that one test may take on a busy machine."""


class Progress:
    """A line for each mutant, as it comes."""

    def __init__(self, total: int) -> None:
        self._done, self._total, self._lock = 0, total, threading.Lock()

    def tell(self, mutant: Mutant, verdict: str, why: str, seconds: float) -> None:
        with self._lock:
            self._done += 1
            place = f"[{self._done:{len(str(self._total))}}/{self._total}]"
            print(f"{place} {verdict:6} {mutant.key}: without {mutant.without} ({seconds:.1f} s)",
                  flush=True)  # fmt: skip
            if verdict != "red":
                print(f"    {mutant.test}\n    {why}", flush=True)


def run(chosen: Sequence[Mutant], workers: int) -> dict[Mutant, str]:
    """Verdict of each mutant: red is what is wanted."""
    folder = Path(tempfile.mkdtemp(prefix="civitas-mutants-", dir=os.environ.get(
        "PYTEST_DEBUG_TEMPROOT")))  # fmt: skip
    copies: queue.SimpleQueue[Copy] = queue.SimpleQueue()
    made = [Copy(folder / str(number)) for number in range(workers)]
    for copy in made:
        copies.put(copy)
    progress = Progress(len(chosen))
    tests = list(dict.fromkeys(mutant.test for mutant in chosen))
    astray: dict[str, tuple[str, str]] = {}

    def untouched(share: list[str]) -> dict[str, tuple[str, str]]:
        copy = copies.get()
        try:
            return copy.run(share, SECONDS * len(share), untouched=True) if share else {}
        finally:
            copies.put(copy)

    def judged(mutant: Mutant) -> str:
        copy, began = copies.get(), time.monotonic()
        try:
            if mutant.test in astray:
                verdict, why = "unknown", "not green with all controls in place"
            else:
                with copy.without(mutant):
                    verdict, why = copy.run([mutant.test], SECONDS)[mutant.test]
        except ValueError as moved:
            verdict, why = "astray", str(moved)
        finally:
            copies.put(copy)
        progress.tell(mutant, verdict, why, time.monotonic() - began)
        return verdict

    try:
        with ThreadPoolExecutor(workers) as pool:
            print(f"{len(tests)} tests with all controls in place …", flush=True)
            shares = pool.map(untouched, [tests[number::workers] for number in range(workers)])
            before = {test: verdict for share in shares for test, verdict in share.items()}
            astray |= {test: said for test, said in before.items() if said[0] != "green"}
            for test, (verdict, why) in astray.items():
                print(f"{verdict} with all controls in place: {test}\n    {why}", flush=True)
            return dict(zip(chosen, pool.map(judged, chosen), strict=True))
    finally:
        for copy in made:
            copy.close()
        folder.rmdir()


def today() -> str:
    """The day and the commit; a `+` when the tree is not what was committed."""
    day = datetime.now(UTC).date().isoformat()
    ours = [".", ":!docs", f":!{LAST_RED}"]
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--", *ours)
    except (OSError, subprocess.CalledProcessError):
        return day
    return f"{day} {commit}{'+' if changed else ''}"


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def record(verdicts: dict[Mutant, str]) -> None:
    """Write down which rows were red, and the pages that say so."""
    seen, now = last_red(), today()
    green = {mutant.key for mutant, verdict in verdicts.items() if verdict != "red"}
    seen |= {mutant.key: now for mutant in verdicts if mutant.key not in green}
    write_last_red(seen)
    assurance_controls.main()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", help='"EN-5", or "privacy G-5"')
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--record", action="store_true", help="write docs/assurance.md anew")
    given = parser.parse_args()
    chosen = [m for m in mutants() if not given.rows or {m.row, m.key} & set(given.rows)]
    if unknown := set(given.rows) - {name for m in chosen for name in (m.row, m.key)}:
        parser.error(f"no row is called {', '.join(sorted(unknown))}: see tests/mutants/*.toml")
    began = time.monotonic()
    verdicts = run(chosen, max(1, min(given.workers, len(chosen))))
    if given.record:
        record(verdicts)
    unnoticed = [f"{m.key} (without {m.without})" for m, v in verdicts.items() if v != "red"]
    print(f"{len(chosen) - len(unnoticed)} of {len(chosen)} controls, taken out, were noticed; "
          f"{time.monotonic() - began:.0f} s")  # fmt: skip
    if unnoticed:
        print("not noticed: " + "; ".join(unnoticed))
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
