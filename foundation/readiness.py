"""Whether this process can do its work now: examined beside the requests, told within a bound.

No probe waits for what hangs, and none costs a worker's thread: each examination has a thread of
its own, runs once at a time, and what it found is kept for a moment.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

from cryptography.exceptions import InvalidSignature
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from foundation import algorithms
from foundation.common_clock import CommonClock
from foundation.errors import CivitasError
from foundation.jobs import Health
from foundation.keys import CannotOpen, Keys
from foundation.outages import AWAY, BUSY, FULL, TAKES_NO_WRITES, Outage, outage
from foundation.settings import SettingsError
from foundation.signing_keys import Signer

if TYPE_CHECKING:
    from foundation.runtime import Runtime

T = TypeVar("T")
log = logging.getLogger("civitas.readiness")
BOUND = 3.0
"""Seconds after which what was not answered counts as silent."""
OK, SILENT, UNKNOWN = "ok", "silent", "unknown"
_WORDS: dict[Outage | None, str] = {
    AWAY: "unreachable",
    TAKES_NO_WRITES: "takes no writes",
    BUSY: "busy",
    FULL: "full",
    None: "unusable",
}
# No signature that we make anywhere else is over something that begins so.
_SAID = b"civitas: does this key sign?"


class Examination(Generic[T]):
    """Work that finds something out, in a thread of its own and once at a time."""

    def __init__(self, work: Callable[[], T], keep: float) -> None:
        """`keep`: for how many seconds an outcome is not asked for again."""
        self._work, self._keep = work, keep
        self._lock = threading.Lock()
        self._newest: Future[T] | None = None
        self._ended = 0.0

    async def outcome(self, within: float) -> T:
        """What it found; raises what it raised, or TimeoutError while it goes on."""
        found = asyncio.wrap_future(self._current())
        # Whoever stops waiting does not stop it: the next one asks for the same outcome.
        return await asyncio.wait_for(asyncio.shield(found), within)

    def _current(self) -> Future[T]:
        with self._lock:
            newest = self._newest
            if newest is not None:
                kept = time.monotonic() - self._ended < self._keep
                if not newest.done() or kept:
                    return newest
            newest = self._newest = Future()
            # Not one of a pool: nobody waits for it at the end, should it hang.
            threading.Thread(target=self._run, args=(newest,), daemon=True).start()
            return newest

    def _run(self, future: Future[T]) -> None:
        try:
            found = self._work()
        except Exception as error:  # noqa: BLE001 - whoever asks is told
            self._ended = time.monotonic()
            future.set_exception(error)
        else:
            self._ended = time.monotonic()
            future.set_result(found)


@dataclass(frozen=True, slots=True)
class Report:
    """What works and what does not: a word each, the uses of keys that do not sign by name."""

    database: str
    person_keys: str
    keys: str
    not_signing: tuple[str, ...] = ()
    work: tuple[Health, ...] = ()
    refused_events: int = 0
    clock_ahead: timedelta = timedelta(0)

    @property
    def status(self) -> str:
        if not self.database == self.person_keys == self.keys == OK:
            return "waiting"
        return "late" if any(work.late for work in self.work) else "ready"


class Readiness:
    """Asks everything that a request may need."""

    def __init__(self, runtime: Runtime, keep_keys: float = 5.0) -> None:
        self._runtime = runtime
        self._database = Examination(self._ask_database, keep=0.25)
        self._store = Examination(self._ask_store, keep=0.25)
        self._keys = Examination(lambda: not_signing(runtime.keys), keep=keep_keys)

    async def report(self) -> Report:
        database, store, keys = await asyncio.gather(
            self._database.outcome(BOUND),
            self._store.outcome(BOUND),
            self._keys.outcome(BOUND),
            return_exceptions=True,
        )
        health, refused = ((), 0) if isinstance(database, BaseException) else database
        clock = self._runtime.clock
        silent = () if isinstance(keys, BaseException) else keys
        return Report(
            database=_word(database),
            person_keys=_word(store),
            keys="not signing" if silent else _word(keys, UNKNOWN),
            not_signing=silent,
            work=health,
            refused_events=refused,
            clock_ahead=clock.ahead if isinstance(clock, CommonClock) else timedelta(0),
        )

    def _ask_database(self) -> tuple[tuple[Health, ...], int]:
        """Read and write: a standby or a full disk would pass for well by a read alone."""
        self._runtime.jobs.beat()
        return tuple(self._runtime.jobs.health()), self._runtime.audit.tree.set_aside()

    def _ask_store(self) -> None:
        with self._runtime.vault.store.read() as uow:
            uow.execute(text("SELECT 1"))


def _word(found: object, otherwise: str | None = None) -> str:
    if not isinstance(found, BaseException):
        return OK
    if isinstance(found, TimeoutError):
        return SILENT
    log.warning("not ready: %s", str(found).splitlines()[0] if str(found) else type(found).__name__)
    return otherwise or _WORDS[outage(found)]


def not_signing(keys: Keys) -> tuple[str, ...]:
    """The uses of which a key that we publish does not sign: each of them makes a signature."""
    return tuple(use for use in keys.uses() if not _all_sign(keys, use))


def _all_sign(keys: Keys, use: str) -> bool:
    published = {key.kid for key in keys.published(use)}
    try:
        for signer in keys.signers(use):
            if signer.kid in published:
                _sign(signer)
    except SQLAlchemyError:
        raise
    except (CivitasError, SettingsError, CannotOpen, InvalidSignature) as error:
        log.warning("a key of %s does not sign: %s", use, getattr(error, "detail", None) or error)
        return False
    return True


def _sign(signer: Signer) -> None:
    if signer.algorithm in algorithms.ML_DSA:
        key: object = signer.private_key
        signature = key.sign(_SAID)  # type: ignore[attr-defined]
        key.public_key().verify(signature, _SAID)  # type: ignore[attr-defined]
    else:
        algorithms.verify(signer.algorithm, signer.public_key, signer.sign(_SAID), _SAID)
