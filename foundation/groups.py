"""The one writer of SQLite: acts that wait while a commit runs share the next one.

A commit waits for the disk, and costs the same for one act as for sixty-four. So an act that is
done passes the turn on to the next that waits, in the same transaction, and is answered after the
one COMMIT; each has a savepoint of its own, so that its failure is its own. Only acts on the event
loop share (`foundation.event_loop`): a unit of work in a thread may be long, and nobody waits for
it but those who need the turn.

- `most` acts and `LONGEST` seconds at most until the COMMIT.
- The COMMIT is made in a thread; the loop reads, parses and signs meanwhile.
- When it fails, or SQLite itself rolls the transaction back (a full disk), no act of the group was
  answered, and each is told so.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, RootTransaction
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from foundation.compiled import say
from foundation.event_loop import Waiter, on_loop, waiter

LONGEST = 0.02
"""Seconds from the first act of a group to its COMMIT, however many wait."""


class _Place:
    """One act in the row."""

    __slots__ = ("error", "saved", "shares", "turn", "written")

    def __init__(self) -> None:
        self.shares = on_loop() is not None
        self.turn: Waiter | None = None
        self.written: Waiter | None = None
        self.saved = False
        self.error: BaseException | None = None


class Writer:
    """Hands the one connection that writes from act to act."""

    def __init__(self, engine: Engine, patience: float, most: int) -> None:
        """`patience`: seconds to wait for the turn at most; `most`: acts that share a commit."""
        self._engine = engine
        self._patience = patience
        self._most = most
        self._state = Lock()
        self._taken = False
        self._row: deque[_Place] = deque()
        # What follows belongs to whoever has the turn.
        self._connection: Connection | None = None
        self._transaction: RootTransaction | None = None
        self._group: list[_Place] = []
        self._began = 0.0
        self._commits: ThreadPoolExecutor | None = None

    @contextmanager
    def unit(self) -> Iterator[Connection]:
        """A unit of work: committed when the block ends, undone when it raises."""
        place = _Place()
        self._come(place)
        try:
            connection = self._begin(place)
            yield connection
            self._keep(place)
        except BaseException as error:
            self._undo(place, error)
            self._pass_on(place)
            raise
        self._pass_on(place)
        if place.written is not None:
            place.written.wait()
        if place.error is not None:
            raise place.error

    def close(self) -> None:
        place = _Place()
        self._come(place)
        try:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            if self._commits is not None:
                self._commits.shutdown(wait=False)
                self._commits = None
        finally:
            self._pass_on(place)

    # ── the turn ──────────────────────────────────────────────────────────────────────

    def _come(self, place: _Place) -> None:
        """Wait for the turn. Raises TimeoutError (SQLAlchemy's)."""
        with self._state:
            if not self._taken:
                self._taken = True
                return
            place.turn = turn = waiter()
            self._row.append(place)
        try:
            if turn.wait(self._patience):
                return
        except BaseException:
            if not self._withdraw(place):
                self._pass_on(place)  # it came at the same moment
            raise
        if self._withdraw(place):
            raise PoolTimeout("another write has not ended")

    def _withdraw(self, place: _Place) -> bool:
        with self._state:
            if place not in self._row:
                return False
            self._row.remove(place)
            return True

    def _pass_on(self, place: _Place) -> None:
        """To the next act, in the same transaction if they may share it; after a COMMIT if not."""
        if self._group:
            with self._state:
                handed_on = self._hand_on_within_the_group(place)
            if handed_on:
                return
            if place.shares:
                if self._commits is None:
                    self._commits = ThreadPoolExecutor(1, "commit")
                self._commits.submit(self._commit)
            else:
                self._commit()
            return
        self._free()

    def _hand_on_within_the_group(self, place: _Place) -> bool:
        if len(self._group) >= self._most or time.monotonic() - self._began >= LONGEST:
            return False
        while self._row and place.shares and self._row[0].shares:
            if self._wake_next():
                return True
        return False

    def _free(self) -> None:
        with self._state:
            while self._row:
                if self._wake_next():
                    return
            self._taken = False

    def _wake_next(self) -> bool:
        """False if nobody is there any more."""
        turn = self._row.popleft().turn
        return turn is not None and turn.wake()

    # ── the transaction ───────────────────────────────────────────────────────────────

    def _begin(self, place: _Place) -> Connection:
        if self._transaction is None:
            if self._connection is not None and self._connection.invalidated:
                self._connection.close()
                self._connection = None
            if self._connection is None:
                self._connection = self._engine.connect()
                # Who waits for another process's write waits in `do_begin`, where it can step
                # aside (`foundation.engines`).
                say(self._connection, "PRAGMA busy_timeout=0")
            self._transaction = self._connection.begin()
            self._began = time.monotonic()
        assert self._connection is not None  # noqa: S101
        if self._group:
            say(self._connection, "SAVEPOINT act")
            place.saved = True
        return self._connection

    def _keep(self, place: _Place) -> None:
        if place.saved:
            assert self._connection is not None  # noqa: S101
            say(self._connection, "RELEASE act")
        if place.shares:
            place.written = waiter()
        self._group.append(place)

    def _undo(self, place: _Place, error: BaseException) -> None:
        """Take one act back, and leave the others of its group as they are, if that is possible."""
        connection, transaction = self._connection, self._transaction
        if connection is None or transaction is None:
            return
        if place.saved and _stands(connection):
            try:
                say(connection, "ROLLBACK TO act")
                say(connection, "RELEASE act")
            except SQLAlchemyError as another:
                error = another
            else:
                return
        # The first of its group; or the transaction is gone, and with it all that was in it.
        self._transaction = None
        self._roll_back(transaction)
        self._tell(error)

    def _commit(self) -> None:
        """In whichever thread: nobody else has the turn."""
        transaction, self._transaction = self._transaction, None
        assert transaction is not None  # noqa: S101
        failed: BaseException | None = None
        try:
            transaction.commit()
        except BaseException as error:  # noqa: BLE001 - told to each act
            failed = error
            self._roll_back(transaction)
        self._tell(failed)
        self._free()

    def _roll_back(self, transaction: RootTransaction) -> None:
        with suppress(SQLAlchemyError):
            transaction.rollback()
        # After a COMMIT that was refused, SQLAlchemy takes it for ended, and SQLite does not.
        if self._connection is not None and _stands(self._connection):
            with suppress(SQLAlchemyError):
                say(self._connection, "ROLLBACK")

    def _tell(self, failed: BaseException | None) -> None:
        group, self._group = self._group, []
        for place in group:
            place.error = failed
            if place.written is not None:
                place.written.wake()


def _stands(connection: Connection) -> bool:
    """Whether the transaction is still there: SQLite ends it by itself when the disk is full."""
    if connection.invalidated:
        return False
    driver: Any = connection.connection.dbapi_connection
    return bool(driver.in_transaction)


__all__ = ["LONGEST", "Writer"]
