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
        why = [""] * len(rows)
        versions: dict[int, int] = {}
        for i, row in enumerate(rows):
            if not bound.grants(row):
                continue
            version = self.macs.version(bound, row)
            if version is None:
                why[i] = FORGED
            else:
                versions[i] = version
        if bound.remembered and versions:
            references = {i: self.macs.reference(bound, rows[i]) for i in versions}
            marks = self.marks.of(set(references.values()))
            for i, reference in references.items():
                if versions[i] < marks[reference]:
                    why[i] = BROUGHT_BACK
        return why

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
