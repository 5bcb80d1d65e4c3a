"""What holds each control of ISO/IEC 29115, and when that was last seen to fail without it.

A control is worth what its test is worth: `make mutants` takes each out, in a copy, and wants its
test red. The day and the commit of that stand beside it. What the standard asks of an organisation
no program can show; it is named, so that nobody takes silence for an answer.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from policies.loading import packaged

State = Literal["held", "open", "duty"]


@dataclass(frozen=True, slots=True)
class Held:
    """One row. `state`: "held" by the test that it names, "open" where nothing holds it yet, a
    "duty" of the organisation. `last_red`: the day and the commit at which its test noticed that
    the control was taken out; a `+` where the tree was not what is committed."""

    id: str
    text: str
    levels: tuple[int, ...]
    threat: str
    reconstructed: bool
    state: State
    test: str
    last_red: str


def conformance() -> Sequence[Held]:
    """Every row, in the order of the tables."""
    seen = _table("last_red.toml")
    controls = [
        Held(
            control.id,
            control.text,
            control.levels,
            control.threat,
            control.reconstructed,
            "held" if control.test else "open",
            control.test,
            seen.get(f"assurance {control.id}", ""),
        )
        for control in packaged().controls.values()
    ]
    duties = [
        Held(row["id"], row["text"], (1, 2, 3, 4), "", False, "duty", "", "")
        for row in _table("duties.toml")["duty"]
    ]
    return [*controls, *duties]


@cache
def _table(name: str) -> dict[str, Any]:
    return tomllib.loads((files("policies") / "data" / name).read_text(encoding="utf-8"))
