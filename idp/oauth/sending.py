"""Telling services, server to server, what happened: many at once, no one of them for long.

Some threads speak to many services; of these a few at most to the same one, so that one which hangs
keeps nobody waiting. Nothing is signed or sent inside a write.
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from functools import cached_property
from typing import Generic, Protocol, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from foundation.database import UnitOfWork
from foundation.runtime import Runtime

log = logging.getLogger("civitas.oauth.sending")
AT_ONCE = 24
TO_ONE = 2


class Message(Protocol):
    """One thing to say to one client."""

    @property
    def client_id(self) -> str: ...


M = TypeVar("M", bound=Message)


class Sending(ABC, Generic[M]):
    """Sends what is due. One per process; several processes share an outbox by leases."""

    what = "messages"
    every = timedelta(0)

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._under_way: Counter[str] = Counter()
        runtime.jobs.here(self.every, self.start)

    @abstractmethod
    def due(
        self, uow: UnitOfWork, now: datetime, busy: Collection[str], most: int
    ) -> Sequence[tuple[M, datetime]]:
        """What may be said now, but nothing to the clients of `busy`; each with when it was due."""

    @abstractmethod
    def lease(self, uow: UnitOfWork, one: M, due_at: datetime, now: datetime) -> bool:
        """Take it on; False where another process was faster."""

    @abstractmethod
    def attempt(self, one: M) -> None:
        """Say it, and note whether it was heard."""

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        # Not before the first: most deployments have no service that wants to hear.
        return ThreadPoolExecutor(AT_ONCE, thread_name_prefix=self.what.replace(" ", "-"))

    def start(self) -> list[Future[None]]:
        """Begin with what is due, as far as there are threads; waits for none of them."""
        now = self._runtime.clock.now()
        with self._lock:
            free = AT_ONCE - self._under_way.total()
            busy = [client for client, count in self._under_way.items() if count >= TO_ONE]
        if free <= 0:
            return []
        with self._runtime.database.read() as uow:
            found = self.due(uow, now, busy, free)
        taken = [(one, due_at) for one, due_at in found if self._begin(one)]
        if not taken:
            return []
        try:
            with self._runtime.database.write() as uow:
                mine = [self.lease(uow, one, due_at, now) for one, due_at in taken]
        except BaseException:
            for one, _ in taken:
                self._over(one)
            raise
        begun = []
        for (one, _), leased in zip(taken, mine, strict=True):
            if leased:
                begun.append(self._threads.submit(self._tell, one))
            else:
                self._over(one)
        return begun

    def run(self) -> int:
        """Say all that is due, and wait for it; how many were said or failed."""
        count = 0
        while begun := self.start():
            wait(begun)
            count += len(begun)
        return count

    def _tell(self, one: M) -> None:
        try:
            self.attempt(one)
        except SQLAlchemyError as error:
            # The lease ends by itself, and it is said again.
            log.warning("%s wait for the database: %s", self.what, error)
        except Exception:
            log.exception("%s for %s cannot be sent", self.what, one.client_id)
        finally:
            self._over(one)

    def _begin(self, one: M) -> bool:
        """Whether one more may be on its way to this client."""
        with self._lock:
            if self._under_way[one.client_id] >= TO_ONE:
                return False
            self._under_way[one.client_id] += 1
            return True

    def _over(self, one: M) -> None:
        with self._lock:
            self._under_way[one.client_id] -= 1
            if not self._under_way[one.client_id]:
                del self._under_way[one.client_id]
