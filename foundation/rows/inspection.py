"""Whether a row is the one that was written, and the newest that it may be.

A row that was moved, raised, made up or brought back is refused, told to the log at once and to the
audit by periodic work; each once.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from foundation.row_macs import Bound, Macs
from foundation.rows.marks import Marks
from foundation.rows.statements import Values

log = logging.getLogger("civitas.integrity")

FORGED = "it was not written by this deployment as it is"
BROUGHT_BACK = "it is an older one: something that it grants was taken back since"
GONE = "it took something away and was deleted; what it said is still obeyed"
_MOST_ALARMS = 1000


@dataclass(frozen=True, slots=True)
class Wrong:
    """A row that was refused: its table, and a digest of its key."""

    table: str
    reference: str
    why: str


class Inspection:
    """Judges rows by their MACs and marks; safe to share between threads."""

    def __init__(self, macs: Macs, marks: Marks) -> None:
        self.macs = macs
        self.marks = marks
        self._alarms: dict[Wrong, bool] = {}
        self._lock = Lock()

    def verdicts(self, bound: Bound, rows: Sequence[Values]) -> list[str]:
        """Of each row, what is wrong with it; empty for nothing."""
        return self.verdicts_on([(bound, rows)])[0]

    def verdicts_on(self, asked: Sequence[tuple[Bound, Sequence[Values]]]) -> list[list[str]]:
        """As `verdicts`, for rows of several tables: their marks are asked for in one journey."""
        told = [[""] * len(rows) for _, rows in asked]
        remembered: list[tuple[int, int, int, bytes]] = []
        for which, (bound, rows) in enumerate(asked):
            for i, row in enumerate(rows):
                if not bound.grants(row):
                    continue
                version = self.macs.version(bound, row)
                if version is None:
                    told[which][i] = FORGED
                elif bound.remembered:
                    reference = self.macs.reference(bound, row)
                    remembered.append((which, i, version, reference))
        if remembered:
            marks = self.marks.of({reference for *_, reference in remembered})
            for which, i, version, reference in remembered:
                if version < marks[reference]:
                    told[which][i] = BROUGHT_BACK
        return told

    def refuses(self, bound: Bound, row: Values, why: str) -> bool:
        if not why:
            return False
        wrong = Wrong(bound.table.name, self.macs.reference(bound, row).hex(), why)
        with self._lock:
            known = wrong in self._alarms
            if not known and len(self._alarms) < _MOST_ALARMS:
                self._alarms[wrong] = True
        if not known:
            log.error("a row of %s is refused (%s): %s", wrong.table, wrong.reference, why)
        return True

    def alarms(self) -> list[Wrong]:
        """What was refused and not told yet; each once."""
        with self._lock:
            told = [wrong for wrong, new in self._alarms.items() if new]
            self._alarms.update(dict.fromkeys(told, False))
        return told
