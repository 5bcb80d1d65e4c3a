"""What a verification of the audit found, and the tree that it grows as it reads."""

from __future__ import annotations

from dataclasses import dataclass

from foundation.audit import tree as audit_tree

PAGE = 500
MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found. `waiting` events have no leaf yet (None: cannot be seen).

    `notes` are no problems: what could not be compared.
    """

    tree_size: int
    waiting: int | None
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems


class Findings(list[str]):
    def add(self, problem: str) -> None:
        if len(self) < MOST_PROBLEMS:
            self.append(problem)
        elif len(self) == MOST_PROBLEMS:
            self.append("There are more problems than are listed here.")


class Growth:
    """Feeds leaves one by one and knows the root and the complete subtrees at each size."""

    def __init__(self) -> None:
        self.size = 0
        self._frontier: list[bytes] = []

    def add(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        made, self._frontier = audit_tree.append(self.size, self._frontier, [leaf])
        self.size += 1
        return made

    def root(self) -> bytes:
        return audit_tree.fold(self._frontier)
