"""A bounded queue that networks take turns in — fair queueing (RFC 970), fat flows drop (RFC 8290).

Whoever waits stands under the networks around their address, wide to narrow. At each width the
next turn is the next network's, whoever has more waiting; when the queue is full, the one with the
most waiting loses its latest. So one party, with whatever addresses, shuts out only itself.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import Lock

from foundation.errors import Unavailable
from foundation.pages import N_


class Busy(Unavailable):
    """There is more to do than we can: come back in so many seconds."""

    code = "busy"

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            N_("We are very busy at the moment."),
            next_step=N_("Try again in a few seconds."),
            headers={"Retry-After": str(retry_after)},
        )


Descent = Callable[[], Sequence[str]]
"""Asked only of who has to wait: the networks around an address, wide to narrow."""


@dataclass(eq=False, slots=True)
class _Waiter:
    path: Sequence[str]
    loop: asyncio.AbstractEventLoop
    answered: asyncio.Future[None]
    granted: bool | None = None


@dataclass(slots=True)
class _Branch:
    """A network: how many wait in it, in the narrower ones or here."""

    waiting: int = 0
    inside: OrderedDict[str, _Branch] = field(default_factory=OrderedDict)
    here: deque[_Waiter] = field(default_factory=deque)


class FairQueue:
    """At most `slots` at once and `waiting` behind them, each for `patience` seconds at most."""

    def __init__(self, slots: int, waiting: int, patience: float = 20.0) -> None:
        self._slots, self._most, self._patience = slots, waiting, patience
        self._busy = 0
        self._root = _Branch()
        self._mean = 0.05  # seconds that a turn takes; learnt
        # Tests and embedders run one application in several loops.
        self._lock = Lock()

    @property
    def waiting(self) -> int:
        return self._root.waiting

    @property
    def busy(self) -> int:
        return self._busy

    @asynccontextmanager
    async def turn(self, descent: Descent) -> AsyncIterator[None]:
        """A slot for the time of the block. Raises Busy."""
        await self._enter(descent)
        began = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._mean += (time.monotonic() - began - self._mean) / 16
            self._leave()

    async def _enter(self, descent: Descent) -> None:
        with self._lock:
            if self._busy < self._slots and not self._root.waiting:
                self._busy += 1
                return
            loop = asyncio.get_running_loop()
            waiter = _Waiter(tuple(descent()), loop, loop.create_future())
            self._put(waiter)
            if self._root.waiting > self._most:
                self._answer(self._latest_of_the_most(), granted=False)
        try:
            await asyncio.wait_for(waiter.answered, self._patience)
        except (TimeoutError, asyncio.CancelledError) as gone:
            if self._withdraw(waiter):
                self._leave()  # the turn came at the same moment
            if isinstance(gone, asyncio.CancelledError):
                raise
        if not waiter.granted:
            raise Busy(self._retry_after())

    def _leave(self) -> None:
        """The slot is free: the next in turn has it."""
        with self._lock:
            while self._root.waiting:
                if self._answer(self._next(), granted=True):
                    return
            self._busy -= 1

    def _retry_after(self) -> int:
        return max(1, math.ceil(self._mean * (self._root.waiting + 1) / self._slots))

    def _answer(self, waiter: _Waiter, *, granted: bool) -> bool:
        waiter.granted = granted
        try:
            waiter.loop.call_soon_threadsafe(_wake, waiter.answered)
        except RuntimeError:  # its loop was closed: nobody is there
            return False
        return True

    # ── the tree ──────────────────────────────────────────────────────────────────────

    def _put(self, waiter: _Waiter) -> None:
        branch = self._root
        branch.waiting += 1
        for name in waiter.path:
            branch = branch.inside.setdefault(name, _Branch())
            branch.waiting += 1
        branch.here.append(waiter)

    def _next(self) -> _Waiter:
        """Who is in turn; each network on the way goes to the end of its row."""
        branch = self._root
        while not branch.here:
            name = next(iter(branch.inside))
            branch.inside.move_to_end(name)
            branch = branch.inside[name]
        return self._take(branch, branch.here[0])

    def _latest_of_the_most(self) -> _Waiter:
        """The latest of the network that has the most waiting, at every width."""
        branch = self._root
        while not branch.here:
            branch = max(reversed(branch.inside.values()), key=lambda inner: inner.waiting)
        return self._take(branch, branch.here[-1])

    def _withdraw(self, waiter: _Waiter) -> bool:
        """Take out who no longer waits; whether a slot was granted at the same moment."""
        with self._lock:
            if waiter.granted is None:
                branch = self._root
                for name in waiter.path:
                    branch = branch.inside[name]
                self._take(branch, waiter)
                waiter.granted = False
                return False
            granted, waiter.granted = waiter.granted, False
            return granted

    def _take(self, branch: _Branch, waiter: _Waiter) -> _Waiter:
        branch.here.remove(waiter)
        outer = self._root
        outer.waiting -= 1
        for name in waiter.path:
            inner = outer.inside[name]
            inner.waiting -= 1
            if not inner.waiting:
                del outer.inside[name]
                break
            outer = inner
        return waiter


def _wake(answered: asyncio.Future[None]) -> None:
    if not answered.done():
        answered.set_result(None)
