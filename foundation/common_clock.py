"""One clock for all nodes of a deployment: that of their database server.

Nodes whose own clocks differ would take each other's codes as expired and each other's limits as
full. So each looks up what time it is at the database, now and then, and counts on from there by a
clock that nobody sets (`time.monotonic`): a step of the machine's own clock changes nothing.
An embedded database has no clock of its own: its processes share that of their one machine.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from foundation import event_loop
from foundation.clock import Clock, SystemClock
from foundation.database import Database

log = logging.getLogger("civitas.clock")
EVERY = timedelta(seconds=10)
"""How often the clocks are compared."""
_NOTICED = timedelta(milliseconds=200)
"""Less is the journey to the database, and the clocks' own noise."""
_WORTH_SAYING = timedelta(seconds=5)


class CommonClock:
    """The database's clock, carried on between two looks at it; safe to share between threads."""

    def __init__(
        self,
        database: Database,
        own: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._own = own or SystemClock()
        self._monotonic = monotonic
        self._lock, self._first = Lock(), event_loop.Lock()
        self._anchor: tuple[datetime, float] | None = None
        self._asked_at: float | None = None
        self.ahead = timedelta(0)
        """By how much this machine's clock is ahead of the database's; less than none: behind."""

    def now(self) -> datetime:
        if self._anchor is None:
            self._look_first()
        if self._anchor is None:
            return self._own.now()  # the database is away: nothing is decided without it
        at, then = self._anchor
        return at + timedelta(seconds=self._monotonic() - then)

    def compare(self) -> timedelta:
        """Look at the database's clock; by how much this machine's own is ahead of it.

        Raises SQLAlchemyError when the database is away.
        """
        asked = self._monotonic()
        with self._database.read() as uow:
            said = uow.connection.execute(select(func.clock_timestamp())).scalar_one()
        answered, own = self._monotonic(), self._own.now()
        now = said.astimezone(UTC) + timedelta(seconds=(answered - asked) / 2)
        with self._lock:
            if self._anchor is None or abs(now - self._counted(answered)) > _NOTICED:
                self._anchor = now, answered
            before, self.ahead = self.ahead, own - now
        if abs(self.ahead) > _WORTH_SAYING and abs(self.ahead - before) > _WORTH_SAYING:
            log.warning(
                "this machine's clock is %.0f s ahead of the database's, which counts: set it",
                self.ahead.total_seconds(),
            )
        return self.ahead

    def apart(self) -> timedelta:
        """By how much it may differ from this machine's own clock, as far as was looked."""
        return abs(self.ahead) + _NOTICED

    def _counted(self, monotonic: float) -> datetime:
        assert self._anchor is not None  # noqa: S101 - its caller has looked
        at, then = self._anchor
        return at + timedelta(seconds=monotonic - then)

    def _look_first(self) -> None:
        """Once for all threads that come first; when the database is away, not at every call."""
        with self._first:
            asked = self._asked_at
            again = asked is None or self._monotonic() - asked > EVERY.total_seconds()
            if self._anchor is not None or not again:
                return
            self._asked_at = self._monotonic()
            try:
                self.compare()
            except SQLAlchemyError as error:
                log.warning("the database's clock cannot be read yet: %s", type(error).__name__)
