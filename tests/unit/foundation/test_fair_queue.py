"""Networks take turns, and who fills the queue pays for it alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from foundation import networks
from foundation.fair_queue import Busy, FairQueue


class Work:
    """Requests that wait for turns of one queue, and the order in which they came to their turn."""

    def __init__(self, queue: FairQueue) -> None:
        self.queue = queue
        self.came: list[str] = []
        self.refused: list[str] = []
        self.go_on = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    async def arrive(self, address: str) -> None:
        """One request more; returns when it stands in the queue or has a slot."""
        self.tasks.append(asyncio.create_task(self._one(address)))
        for _ in range(10):
            await asyncio.sleep(0)

    async def _one(self, address: str) -> None:
        try:
            async with self.queue.turn(lambda: networks.descent(address)):
                self.came.append(address)
                await self.go_on.wait()
        except Busy:
            self.refused.append(address)

    async def finish(self) -> None:
        self.go_on.set()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def run(walk: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(walk())  # type: ignore[arg-type]


def test_a_network_that_came_first_with_many_does_not_keep_the_next_one_waiting() -> None:
    async def walk() -> None:
        work = Work(FairQueue(1, 100))
        for number in range(20):
            await work.arrive(f"2001:db8:0:{number:x}::1")
        await work.arrive("198.51.100.7")
        await work.finish()
        # One has the slot, one of the crowd was first in turn: then it is the other's.
        assert work.came.index("198.51.100.7") == 2

    run(walk)


def test_a_full_queue_sends_away_the_latest_of_who_has_the_most_in_it() -> None:
    async def walk() -> None:
        work = Work(FairQueue(1, 10))
        # A /40 of many /48s: as one network it has the most, however many addresses it uses.
        crowd = [f"2001:db8:{number:x}::1" for number in range(11)]
        for address in crowd:
            await work.arrive(address)
        await work.arrive("203.0.113.5")
        await work.arrive("2001:db9::1")
        assert work.refused == [crowd[10], crowd[9]]
        await work.arrive(crowd[10])
        assert work.refused == [crowd[10], crowd[9], crowd[10]]
        await work.finish()
        assert {"203.0.113.5", "2001:db9::1"} <= set(work.came)

    run(walk)


def test_no_more_than_the_slots_work_at_once_and_none_is_lost() -> None:
    async def walk() -> None:
        queue = FairQueue(3, 100)
        most = 0

        async def one(number: int) -> None:
            nonlocal most
            async with queue.turn(lambda: networks.descent(f"198.51.100.{number % 7}")):
                most = max(most, queue.busy)
                await asyncio.sleep(0)

        await asyncio.gather(*(one(number) for number in range(60)))
        assert (most, queue.busy, queue.waiting) == (3, 0, 0)

    run(walk)


def test_who_gives_up_waiting_leaves_no_trace() -> None:
    async def walk() -> None:
        work = Work(FairQueue(1, 10))
        await work.arrive("198.51.100.1")
        await work.arrive("198.51.100.2")
        work.tasks[1].cancel()
        await asyncio.gather(work.tasks[1], return_exceptions=True)
        assert work.queue.waiting == 0
        await work.finish()
        assert (work.came, work.queue.busy) == (["198.51.100.1"], 0)

    run(walk)


def test_who_waits_too_long_is_told_when_to_come_back() -> None:
    async def walk() -> None:
        queue = FairQueue(1, 10, patience=0)
        async with queue.turn(tuple):
            with pytest.raises(Busy) as busy:
                async with queue.turn(tuple):
                    pass
        assert int(busy.value.headers["Retry-After"]) >= 1
        assert (queue.busy, queue.waiting) == (0, 0)

    run(walk)
