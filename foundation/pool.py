"""The connections of one engine, lent to units of work on the event loop and in threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import TimeoutError as PoolTimeout

from foundation.event_loop import Lock, Turns, in_thread, on_loop


class Pool:
    """Nobody waits in SQLAlchemy's own pool, which would stop the loop: there are as many turns
    here as connections there. What is given back whole is lent again as it is: a check-out and a
    check-in of SQLAlchemy's cost as much as a look-up by key."""

    def __init__(self, engine: Engine, most: int, patience: float) -> None:
        """`most` connections; `patience`: seconds to wait for one at most."""
        self.engine = engine
        self._patience = patience
        self._turns = Turns(most)
        self._idle: list[Connection] = []
        self._opened = 0
        """How often all were let go: who has one of before gives it to SQLAlchemy's pool."""
        self._met = False
        self._meeting = Lock()

    @contextmanager
    def lent(self) -> Iterator[Connection]:
        """A connection as the last one left it. Raises TimeoutError (SQLAlchemy's)."""
        with self._turn():
            opened = self._opened
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self.engine.connect()
            try:
                yield connection
            except BaseException:
                if connection.invalidated:
                    self._close_idle()  # they were opened like the one that ended
                connection.close()
                raise
            if opened != self._opened or connection.invalidated or connection.in_transaction():
                connection.close()
            else:
                self._idle.append(connection)

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """One that is made ready for this use, and for no other after it."""
        with self._turn(), self.engine.connect() as connection:
            yield connection

    def let_go(self) -> None:
        """Of every connection that nobody uses."""
        self._opened += 1
        self._close_idle()
        self.engine.dispose()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.take(self._patience):
            raise PoolTimeout("all connections to the database are in use")
        try:
            if not self._met:
                self._meet()
            yield
        finally:
            self._turns.give_back()

    def _meet(self) -> None:
        """What SQLAlchemy asks each database once, behind a lock, is no work for the loop."""
        if on_loop() is not None:
            with self._meeting:
                if not self._met:
                    in_thread(lambda: self.engine.connect().close())
        self._met = True

    def _close_idle(self) -> None:
        """In whichever thread, while others take of them."""
        with suppress(IndexError):
            while True:
                self._idle.pop().close()
