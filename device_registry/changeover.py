"""Devices take a second key, wave by wave: planned, run, watched, undone — RFC 9881, NIST IR 8547.

A device in the change-over keeps its certificate of today, with which it speaks TLS, and enrols for
a second one of another family beside it. Waves spread the work: each device has its place between
the beginning and the end, the same at every process. Undoing ends the second certificates only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

_SPAN = 2**32


class ChangeOverState(StrEnum):
    PLANNED = "planned"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    UNDONE = "undone"


# What an operator may do, and from where to where it leads.
ACTS = {
    "run": (("planned", "paused"), "running"),
    "pause": (("running",), "paused"),
    "finish": (("running", "paused"), "done"),
    "undo": (("planned", "running", "paused", "done"), "undone"),
}
# What was begun stays: whoever holds the second certificate may renew it.
KEEPS = (ChangeOverState.RUNNING, ChangeOverState.PAUSED, ChangeOverState.DONE)


@dataclass(frozen=True, slots=True)
class ChangeOver:
    """Devices of `from_profile` also get certificates of `to_profile`, between two instants."""

    id: str
    from_profile: str
    to_profile: str
    state: ChangeOverState
    starts_at: datetime
    ends_at: datetime

    def reached(self, now: datetime) -> float:
        """The share of the devices whose turn has come, 0 to 1."""
        whole = (self.ends_at - self.starts_at) / timedelta(seconds=1)
        passed = (now - self.starts_at) / timedelta(seconds=1)
        return min(1.0, max(0.0, passed / whole)) if whole else float(passed >= 0)

    def place_of(self, device_id: str) -> float:
        """Where in the order a device stands, 0 to 1: the same whoever asks."""
        digest = hashlib.sha256(f"{self.id}\0{device_id}".encode()).digest()
        return int.from_bytes(digest[:4], "big") / _SPAN

    def has_come_to(self, device_id: str, now: datetime) -> bool:
        running = self.state is ChangeOverState.RUNNING
        return running and now >= self.starts_at and self.place_of(device_id) <= self.reached(now)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a change-over is: of `devices`, `invited` by now, `hold` the second certificate.

    `newest`: no later one to the same profile took its place.
    """

    change_over: ChangeOver
    devices: int
    invited: int
    hold: int
    newest: bool = True
