"""Write the table of controls in docs/assurance.md from policies/data/controls.toml."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONTROLS = ROOT / "policies" / "data" / "controls.toml"
OUTPUT = ROOT / "docs" / "assurance.md"
MARK = "<!-- controls -->\n"


def render(page: str) -> str:
    """The page with the table of today below its mark."""
    rows = tomllib.loads(CONTROLS.read_text(encoding="utf-8"))["control"]
    lines = ["| control | levels | must hold | test |", "|---|---|---|---|"]
    for row in rows:
        levels = row["levels"]
        span = f"{levels[0]}–{levels[-1]}" if len(levels) > 1 else str(levels[0])
        sign = " †" if row["reconstructed"] else ""
        test = f"`{row['test']}`" if row["test"] else "—"
        lines.append(f"| {row['id']}{sign} | {span} | {row['text']} | {test} |")
    held = sum(bool(row["test"]) for row in rows)
    lines += ["", f"{held} of {len(rows)} controls are held by a test of their name."]
    return page.partition(MARK)[0] + MARK + "\n".join(lines) + "\n"


def main() -> int:
    OUTPUT.write_text(render(OUTPUT.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote {OUTPUT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
