"""What was just learnt is believed for a moment: a bounded memory with an end for every entry."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class BriefMemory(Generic[T]):
    """Answers by key, each for `keep` at most; the oldest of more than `most` are forgotten."""

    def __init__(self, keep: timedelta, most: int = 1000) -> None:
        self._keep = keep
        self._most = most
        self._held: OrderedDict[str, tuple[datetime, T]] = OrderedDict()
        self._lock = Lock()

    def holds(self, key: str, now: datetime) -> bool:
        """Whether `recall` would answer without `find`."""
        with self._lock:
            held = self._held.get(key)
        return held is not None and timedelta(0) <= now - held[0] < self._keep

    def recall(self, key: str, now: datetime, find: Callable[[], T]) -> T:
        """The answer for `key`: the remembered one, or that of `find`, which may raise."""
        with self._lock:
            held = self._held.get(key)
            if held is not None and timedelta(0) <= now - held[0] < self._keep:
                return held[1]
        found = find()
        with self._lock:
            self._held[key] = (now, found)
            self._held.move_to_end(key)
            while len(self._held) > self._most:
                self._held.popitem(last=False)
        return found
