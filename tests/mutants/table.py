"""The mutants: which edit takes a control out, and which test must tell. One file a table of rows.

A row of a requirements table (ISO/IEC 29115 §10 and those that `tests/unit/test_rows.py` lists) has
one entry for each of its controls. `text` stands once in `file` and gives way to `becomes`; `test`
is one that carries the row's marker. When a line moves, its entry moves with it: a unit test says
which one is astray.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path("tests") / "mutants"
TABLES = ("assurance", "privacy", "devices", "governance", "failures")
LAST_RED = Path("policies") / "data" / "last_red.toml"


@dataclass(frozen=True)
class Mutant:
    """One control, taken out."""

    table: str
    row: str
    without: str
    """What the edit takes out, in words."""
    file: str
    text: str
    becomes: str
    test: str
    """`path::name`, or `path::name[case]` where one case is enough and the others are slower."""

    @property
    def key(self) -> str:
        """The row as markers name it: "assurance EN-5"."""
        return f"{self.table} {self.row}"

    @property
    def test_name(self) -> str:
        return self.test.rpartition("::")[2].partition("[")[0]

    def applied(self, source: str) -> str:
        """`source` without the control."""
        if (found := source.count(self.text)) != 1:
            raise ValueError(
                f"{self.key} (without {self.without}): its text stands {found} times in "
                f"{self.file}. Copy the line that holds the control today into "
                f"{HERE}/{self.table}.toml, so that it is found once."
            )
        return source.replace(self.text, self.becomes)


def mutants(root: Path = ROOT) -> tuple[Mutant, ...]:
    """All of them, in the order of their files."""
    return tuple(
        Mutant(table=table, **entry)
        for table in TABLES
        for entry in tomllib.loads((root / HERE / f"{table}.toml").read_text("utf-8"))["mutant"]
    )


def last_red(root: Path = ROOT) -> dict[str, str]:
    """ "table row" → day and commit at which all its controls, taken out, were noticed."""
    return tomllib.loads((root / LAST_RED).read_text("utf-8"))


def write_last_red(seen: dict[str, str], root: Path = ROOT) -> None:
    order = list(dict.fromkeys(mutant.key for mutant in mutants(root)))
    lines = [f'"{key}" = "{seen[key]}"' for key in order if key in seen]
    head = "# When each row was last red, all its controls: written by `make mutants`.\n"
    (root / LAST_RED).write_text(head + "\n".join(lines) + "\n", "utf-8")
