"""Synchronous code on the event loop steps aside where it waits, and comes back to that line."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from functools import partial
from typing import Any

import pytest

from foundation import event_loop

whose: ContextVar[str] = ContextVar("whose", default="nobody's")


def together(*acts: Callable[[], object]) -> list[Any]:
    """What the acts gave, all begun on one loop before the first has ended."""

    async def all_of_them() -> list[Any]:
        calls: list[Awaitable[object]] = [event_loop.run(act) for act in acts]
        return await asyncio.gather(*calls, return_exceptions=True)

    return asyncio.run(all_of_them())


def test_a_call_gives_what_it_returns_and_raises_what_it_raises() -> None:
    def fails() -> None:
        raise LookupError("here")

    found, error = together(lambda: 7, fails)
    assert found == 7
    assert isinstance(error, LookupError)


def test_while_one_waits_the_others_go_on() -> None:
    told: list[str] = []
    opened = asyncio.Event()

    def first() -> None:
        told.append("first begins")
        event_loop.wait(opened.wait())
        told.append("first ends")

    def second() -> None:
        told.append("second")
        opened.set()

    together(first, second)
    assert told == ["first begins", "second", "first ends"]


def test_what_is_awaited_may_fail_and_may_be_cancelled() -> None:
    caught: list[type[BaseException]] = []

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ConnectionError

    def act() -> str:
        try:
            event_loop.wait(fails())
        except ConnectionError:
            return "caught"
        return "not raised"

    def for_ever() -> None:
        try:
            event_loop.wait(asyncio.sleep(3600))
        except BaseException as error:
            caught.append(type(error))
            raise

    async def cancelled() -> None:
        task = asyncio.create_task(event_loop.run(for_ever))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert together(act) == ["caught"]
    asyncio.run(cancelled())
    assert caught == [asyncio.CancelledError]


def test_each_call_has_the_context_of_its_task() -> None:
    """Calls share greenlets, one after the other, and no context."""

    def act(name: str) -> str:
        assert whose.get() == "nobody's"
        whose.set(name)
        event_loop.wait(asyncio.sleep(0.001))
        return event_loop.in_thread(whose.get)

    names = [str(n) for n in range(20)]
    for _ in range(2):
        assert together(*(partial(act, name) for name in names)) == names


def test_what_blocks_is_called_in_a_thread_and_elsewhere_at_once() -> None:
    here = threading.get_ident()
    assert event_loop.in_thread(threading.get_ident) == here
    assert together(lambda: event_loop.in_thread(threading.get_ident)) != [here]
    with ThreadPoolExecutor(1) as pool:
        assert event_loop.by(pool, lambda: 3) == 3
        assert together(lambda: event_loop.by(pool, lambda: 3)) == [3]


def test_a_lock_is_waited_for_without_stopping_the_loop() -> None:
    """With a lock of `threading` the second act would never let the first go on."""
    lock = event_loop.Lock()
    held: list[int] = []
    most: list[int] = []

    def act(name: int) -> None:
        with lock:
            held.append(name)
            most.append(len(held))
            event_loop.wait(asyncio.sleep(0.001))
            held.remove(name)

    def in_a_thread() -> None:
        with lock:
            held.append(-1)
            most.append(len(held))
            held.remove(-1)

    thread = threading.Thread(target=in_a_thread)

    def starts_it() -> None:
        thread.start()

    together(lambda: act(1), starts_it, lambda: act(2), lambda: act(3))
    thread.join()
    assert most == [1, 1, 1, 1]


def test_a_turn_that_does_not_come_is_given_up_and_not_lost() -> None:
    turns = event_loop.Turns(1)
    assert turns.take()
    assert not turns.take(0.01)
    assert together(lambda: turns.take(0.01)) == [False]
    turns.give_back()
    assert turns.take(0.01)
    turns.give_back()


def test_who_is_cancelled_in_the_row_takes_no_turn_along() -> None:
    turns = event_loop.Turns(1)
    assert turns.take()

    async def gone() -> None:
        task = asyncio.create_task(event_loop.run(turns.take))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(gone())
    turns.give_back()
    assert turns.take(0)
