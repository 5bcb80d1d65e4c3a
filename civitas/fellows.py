"""What the workers of one `civitas serve` tell each other: their metrics, when one is asked.

Each counts for itself, and whoever asks `/metrics` reaches any of them. So each has a letter box
that all inherit; who is asked puts one end of a socket in every other's, and reads what they say on
its own. A worker that died leaves its box to the next.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from foundation.telemetry import Families, exposition

BOUND = 1.0
"""Seconds that all others have together; who says nothing is shown as not up."""
_Box = tuple[socket.socket, socket.socket]


def letter_boxes(workers: int) -> tuple[_Box, ...]:
    """One for each: where it reads, and where the others write."""
    made = tuple(socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(workers))
    for box in made:
        for end in box:
            end.setblocking(False)
    return made


class Fellows:
    """The workers as one of them, `number` (from 1), sees them."""

    def __init__(self, number: int, boxes: tuple[_Box, ...]) -> None:
        self.number = number
        self._boxes = boxes
        self._mine = boxes[number - 1][0]

    def attend(self, loop: asyncio.AbstractEventLoop, said: Callable[[], Families]) -> None:
        """Answer the others with what `said` gives."""

        def asked() -> None:
            with suppress(OSError):
                _, (descriptor, *more), _, _ = socket.recv_fds(self._mine, 1, 1)
                for one in more:
                    os.close(one)
                loop.run_in_executor(None, _say, socket.socket(fileno=descriptor), said)

        loop.add_reader(self._mine, asked)

    def leave(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.remove_reader(self._mine)

    def exposition(self, mine: Families) -> bytes:
        """The metrics of all, a label `worker` on each, in the Prometheus text format."""
        told = {self.number: mine} | self._ask()
        up: Families = [
            ("civitas_worker_up", "Whether the worker told its metrics", "gauge",
             [("civitas_worker_up", {"worker": str(number)}, float(number in told))
              for number in range(1, len(self._boxes) + 1)])
        ]  # fmt: skip
        return exposition({str(number): told[number] for number in sorted(told)}, up)

    def _ask(self) -> dict[int, Families]:
        until = time.monotonic() + BOUND
        asked: dict[int, socket.socket] = {}
        for number, (_, theirs) in enumerate(self._boxes, start=1):
            if number != self.number:
                here, there = socket.socketpair()
                with there, suppress(OSError):  # a full box: nobody reads it
                    socket.send_fds(theirs, [b"?"], [there.fileno()])
                asked[number] = here
        told: dict[int, Families] = {}
        for number, here in asked.items():
            with here, suppress(OSError, ValueError):
                told[number] = json.loads(_all_of(here, until))
        return told


def _all_of(here: socket.socket, until: float) -> bytes:
    parts: list[bytes] = []
    while True:
        here.settimeout(max(0.001, until - time.monotonic()))
        part = here.recv(65_536)
        if not part:
            return b"".join(parts)
        parts.append(part)


def _say(there: socket.socket, said: Callable[[], Any]) -> None:
    with there, suppress(OSError):  # who asked does not wait any more
        there.settimeout(BOUND)
        there.sendall(json.dumps(said()).encode())


__all__ = ["BOUND", "Fellows", "letter_boxes"]
