"""Write the tables of docs/assurance.md: controls (policies/data/controls.toml), the mutants of all
rows (tests/mutants/*.toml), and when each row was last seen red."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))

from tests.mutants.table import Mutant, last_red, mutants  # noqa: E402

CONTROLS = ROOT / "policies" / "data" / "controls.toml"
OUTPUT = ROOT / "docs" / "assurance.md"
MARK = "<!-- controls -->\n"


def render(page: str) -> str:
    """The page with the tables of today below its mark."""
    rows = tomllib.loads(CONTROLS.read_text(encoding="utf-8"))["control"]
    seen, taken = last_red(ROOT), mutants(ROOT)
    lines = [*_controls(rows, seen), "", *_mutants(taken, seen)]
    return page.partition(MARK)[0] + MARK + "\n".join(lines) + "\n"


def _controls(rows: list[dict[str, Any]], seen: Mapping[str, str]) -> Iterator[str]:
    yield "| control | levels | must hold | test | last red |"
    yield "|---|---|---|---|---|"
    for row in rows:
        levels = row["levels"]
        span = f"{levels[0]}–{levels[-1]}" if len(levels) > 1 else str(levels[0])
        sign = " †" if row["reconstructed"] else ""
        test = f"`{row['test']}`" if row["test"] else "—"
        red = seen.get(f"assurance {row['id']}", "—")
        yield f"| {row['id']}{sign} | {span} | {row['text']} | {test} | {red} |"
    held = sum(bool(row["test"]) for row in rows)
    yield ""
    yield f"{held} of {len(rows)} controls are held by a test of their name."


def _mutants(taken: tuple[Mutant, ...], seen: Mapping[str, str]) -> Iterator[str]:
    """One line a control that is taken out; the day stands once a row."""
    yield "## What is taken out"
    yield "`make mutants` takes out one control after the other, in a copy, and wants its test red."
    yield ""
    yield "| row | without | in | test | last red |"
    yield "|---|---|---|---|---|"
    for mutant in taken:
        red = seen.get(mutant.key, "—")
        yield (
            f"| {mutant.key} | {mutant.without} | [{Path(mutant.file).name}](../{mutant.file}) "
            f"| `{mutant.test_name}` | {red} |"
        )
    rows = {mutant.key for mutant in taken}
    yield ""
    yield f"{len(taken)} controls of {len(rows)} rows."


def main() -> int:
    OUTPUT.write_text(render(OUTPUT.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote {OUTPUT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
