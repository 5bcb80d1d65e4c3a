"""Who is refused again and again waits for it — a tarpit, as mail servers have it.

Who repeats what is refused does so as fast as the answers come, and everybody else stands behind
them. So beyond a few a minute, the refusals of one party are held back, each a little longer. Who
waits holds an idle connection, no thread and no turn; what is granted is never held back, and while
few are here nobody waits.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from foundation.limits import about

AT_ONCE, A_MINUTE = 20, 20
"""Refusals of one party that are answered at once, and how many a minute are forgotten."""
STEP, LONGEST = 0.25, 4.0
"""About how many seconds each one beyond is held back more, and the most:
clients wait longer than that for an answer."""
FEW, MANY = 16, 2048
"""With fewer requests here, and with more held back already, nobody waits."""
_PARTIES = 4096


class Tarpit:
    """The refusals of each party in this process, in buckets that leak."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self.held = 0

    def seconds(self, party: str, here: int) -> float:
        """Count one refusal; how long it is held back with so many requests `here`."""
        now = self._now()
        level, since = self._levels.pop(party, (0.0, now))
        level = max(0.0, level - (now - since) * A_MINUTE / 60) + 1
        self._levels[party] = min(level, AT_ONCE + LONGEST / STEP), now
        if len(self._levels) > _PARTIES:
            self._levels.popitem(last=False)
        if here < FEW or self.held >= MANY:
            return 0.0
        return min(max(0.0, level - AT_ONCE) * STEP, LONGEST)

    async def hold(self, party: str, here: int) -> None:
        """Count one refusal, and wait as long as it is held back."""
        seconds = self.seconds(party, here)
        if not seconds:
            return
        self.held += 1
        try:
            await asyncio.sleep(about(seconds))
        finally:
            self.held -= 1
