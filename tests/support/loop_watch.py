"""Watches requests on the event loop: how long they compute, and whether they wait there."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import local
from typing import Any
from unittest import mock

from foundation import event_loop

WAITS = {"time.sleep", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname",
         "subprocess.Popen", "os.system"}  # fmt: skip
"""Events of CPython's audit (PEP 578)."""


@dataclass
class Seen:
    """`computed`: the call and the longest that it held the loop, in seconds of processor time;
    `waited`: what on the loop waited for something else than the loop."""

    computed: list[tuple[str, float]] = field(default_factory=list)
    waited: list[str] = field(default_factory=list)


_watching: list[Seen] = []


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if event in WAITS and _watching and event_loop.on_loop() is not None:
        _watching[-1].waited.append(f"{event}{args}")


sys.addaudithook(_audit)


class _Watched(event_loop._Act):
    name = ""
    longest = 0.0

    def switch(self, *given: Any) -> Any:
        if not self.name:
            self.name = _name(given[0].func)
        began = time.thread_time()
        try:
            return super().switch(*given)
        finally:
            self.longest = max(self.longest, time.thread_time() - began)
            if self.idle:
                _watching[-1].computed.append((self.name, self.longest))
                self.name, self.longest = "", 0.0


@contextmanager
def watching() -> Iterator[Seen]:
    """What every request on a loop does within the block."""
    seen = Seen()
    _watching.append(seen)
    try:
        with (
            mock.patch.object(event_loop, "_Act", _Watched),
            mock.patch.object(event_loop, "_acts", local()),
        ):
            yield seen
    finally:
        _watching.remove(seen)


def _name(call: Any) -> str:
    call = getattr(call, "func", call)
    return f"{call.__module__}.{call.__qualname__}"
