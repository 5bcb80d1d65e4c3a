"""Steps of a story: each has a name, and ends well or with the reason why not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

W = TypeVar("W")
log = logging.getLogger("civitas.tour")


@dataclass(frozen=True)
class Outcome:
    """How one step ended; `detail` says what was seen, or what went wrong."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Step(Generic[W]):
    """`act` does the step in the story's world and says what it saw; it raises if it fails."""

    name: str
    act: Callable[[W], str]


def tell(world: W, steps: Sequence[Step[W]]) -> Iterator[Outcome]:
    """Act the steps in order; a step that fails does not keep the next from being tried."""
    for step in steps:
        try:
            yield Outcome(step.name, True, step.act(world))
        except Exception as error:
            log.debug("step %s failed", step.name, exc_info=error)
            yield Outcome(step.name, False, f"{type(error).__name__}: {error}")


def expect(condition: object, wanted: str) -> None:
    """Fail the step unless `condition` holds."""
    if not condition:
        raise AssertionError(f"expected {wanted}")
