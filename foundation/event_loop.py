"""Synchronous code on the event loop: where it would wait, it steps aside, and others go on.

A request runs in a greenlet, as SQLAlchemy's asyncio extension runs its own, unless its route says
why it has a thread (`Route.in_thread`): `wait` leaves it and comes back to the same line. So the
code of a flow knows nothing of it: a unit of work means the same in a request, in a thread and at
the command line.

What may not wait on the loop goes through here: an answer of PostgreSQL (`foundation.postgresql`),
the turn to write and the commit of what was written (`foundation.groups`), a lock that is held
while either is waited for (`Lock`), and whatever takes a thread anyway (`in_thread`): a hash of a
password, a fetch, a key in a token.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, Future
from contextvars import copy_context
from functools import partial
from threading import Event, local
from threading import Lock as ThreadLock
from types import TracebackType
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from greenlet import GreenletExit, getcurrent, greenlet

P = ParamSpec("P")
T = TypeVar("T")


class _Act(greenlet):
    """Makes one call after the other on the loop of its thread: a new greenlet for each would be
    dearer than many of the calls, by the memory that it takes and gives back."""

    loop: asyncio.AbstractEventLoop
    returned: Any = None
    raised: BaseException | None = None
    idle = True

    def run(self, call: Callable[[], Any]) -> Any:
        while True:
            try:
                self.returned = call()
            except GreenletExit:
                raise  # nobody will come back to it
            except BaseException as error:  # noqa: BLE001 - raised where the call was awaited
                self.raised = error
            del call
            self.idle = True
            assert self.parent is not None  # noqa: S101 - the loop
            call = self.parent.switch()


_MOST_IDLE = 64
_acts = local()
"""Of each thread: greenlets that have nothing to do."""


async def run(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a synchronous function on this event loop; it may `wait`."""
    task = getcurrent()
    try:
        idle = _acts.idle
    except AttributeError:
        idle = _acts.idle = []
    act = idle.pop() if idle else _Act(parent=task)
    act.gr_context = task.gr_context
    act.loop = asyncio.get_running_loop()
    act.idle = False
    given = act.switch(partial(call, *args, **kwargs))
    while not act.idle:
        try:
            value = await given
        except BaseException:  # noqa: BLE001 - raised where it was waited for
            given = act.throw(*sys.exc_info())
        else:
            given = act.switch(value)
    result, error = act.returned, act.raised
    act.returned = act.raised = None
    if len(idle) < _MOST_IDLE:
        idle.append(act)
    if error is not None:
        try:
            raise error
        finally:
            del error
    return cast(T, result)


def on_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that this code runs on and can wait in; None elsewhere."""
    current = getcurrent()
    return current.loop if isinstance(current, _Act) else None


def wait(awaitable: Awaitable[T]) -> T:
    """The result of what is awaited, while others go on; only where `on_loop()` is a loop."""
    current = getcurrent()
    assert isinstance(current, _Act)  # noqa: S101 - its caller has asked
    parent = current.parent
    assert parent is not None  # noqa: S101 - the task
    return cast(T, parent.switch(awaitable))


def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call what blocks: in a thread if this is the loop, at once elsewhere."""
    loop = on_loop()
    if loop is None:
        return call(*args, **kwargs)
    context = copy_context()
    return wait(loop.run_in_executor(None, lambda: context.run(call, *args, **kwargs)))


def by(executor: Executor, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of a call in a pool of threads of its own."""
    made: Future[T] = executor.submit(call, *args, **kwargs)
    loop = on_loop()
    return made.result() if loop is None else wait(asyncio.wrap_future(made, loop=loop))


class Waiter(Protocol):
    """Somebody who waits to be woken, once, by anybody."""

    woken: bool

    def wake(self) -> bool:
        """False if nobody is there any more."""

    def wait(self, seconds: float | None = None) -> bool:
        """Whether it was woken within so many seconds."""


class _InThread:
    __slots__ = ("_event", "woken")

    def __init__(self) -> None:
        self.woken = False
        self._event = Event()

    def wake(self) -> bool:
        self.woken = True
        self._event.set()
        return True

    def wait(self, seconds: float | None = None) -> bool:
        return self._event.wait(seconds)


class _OnLoop:
    __slots__ = ("_future", "_loop", "woken")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.woken = False
        self._loop = loop
        self._future: asyncio.Future[None] = loop.create_future()

    def wake(self) -> bool:
        self.woken = True
        try:
            self._loop.call_soon_threadsafe(self._answer)
        except RuntimeError:  # the loop was closed
            return False
        return True

    def _answer(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    def wait(self, seconds: float | None = None) -> bool:
        late = None if seconds is None else self._loop.call_later(seconds, self._answer)
        try:
            wait(self._future)
        finally:
            if late is not None:
                late.cancel()
        return self.woken


def waiter() -> Waiter:
    """Of whoever calls: on a loop, or in a thread."""
    loop = on_loop()
    return _InThread() if loop is None else _OnLoop(loop)


class Turns:
    """So many holders at a time, on loops and in threads; who waits is served in turn.

    For what is held while a database or a thread is waited for: at a lock of `threading` the loop
    would stand still, and with it the request that holds the lock.
    """

    def __init__(self, most: int) -> None:
        self._state = ThreadLock()
        self._free = most
        self._waiting: deque[Waiter] = deque()

    def take(self, seconds: float | None = None) -> bool:
        """Whether there was a turn within so many seconds."""
        with self._state:
            if self._free:
                self._free -= 1
                return True
            mine = waiter()
            self._waiting.append(mine)
        try:
            if mine.wait(seconds):
                return True
        except BaseException:
            if not self._withdraw(mine):
                self.give_back()  # it came at the same moment
            raise
        return not self._withdraw(mine)

    def give_back(self) -> None:
        with self._state:
            while self._waiting:
                if self._waiting.popleft().wake():
                    return
            self._free += 1

    def _withdraw(self, waiting: Waiter) -> bool:
        """Take out who no longer waits; False if its turn had come."""
        with self._state:
            if waiting.woken:
                return False
            self._waiting.remove(waiting)
            return True


class Lock(Turns):
    """One holder at a time."""

    def __init__(self) -> None:
        super().__init__(1)

    def __enter__(self) -> None:
        self.take()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.give_back()


__all__ = ["Lock", "Turns", "Waiter", "by", "in_thread", "on_loop", "run", "wait", "waiter"]
