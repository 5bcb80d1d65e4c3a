"""A connection to PostgreSQL that waits as the event loop wants it — psycopg 3."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.waiting import Ready, Wait

from foundation.event_loop import on_loop, wait


class Connection(psycopg.Connection[Any]):
    """Waits for the database where it is used: a request on the event loop steps aside."""

    def wait(self, gen: PQGen[RV], *args: Any, **kwargs: Any) -> RV:
        loop = on_loop()
        if loop is None:
            return super().wait(gen, *args, **kwargs)
        try:
            state = next(gen)
            while True:
                try:
                    ready = _ready(loop, self.pgconn.socket, state)
                except BaseException:
                    self._give_up(loop)
                    raise
                state = gen.send(ready)
        except StopIteration as done:
            value: RV = done.value
            return value

    def _give_up(self, loop: asyncio.AbstractEventLoop) -> None:
        """Whoever waited is gone, and the answer still to come: nobody could use it."""
        cancel = self.pgconn.get_cancel()
        self.pgconn.finish()
        loop.run_in_executor(None, cancel.cancel)


def _ready(loop: asyncio.AbstractEventLoop, socket: int, state: Wait) -> Ready:
    """Step aside until the socket is ready for what is waited for."""
    future: asyncio.Future[Ready] = loop.create_future()

    def found(ready: Ready) -> None:
        if not future.done():
            future.set_result(ready)

    reads, writes = bool(state & Wait.R), bool(state & Wait.W)
    if reads:
        loop.add_reader(socket, found, Ready.R)
    if writes:
        loop.add_writer(socket, found, Ready.W)
    try:
        return wait(future)
    finally:
        if reads:
            loop.remove_reader(socket)
        if writes:
            loop.remove_writer(socket)
