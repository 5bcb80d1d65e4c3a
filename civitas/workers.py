"""Several processes that answer at the same addresses: a parent starts, watches and ends them.

The parent binds and forks, and does nothing else. No thread, connection or key is in it, so a fork
inherits none of them, and whatever a worker does to itself, the next one begins clean.

- One worker goes ahead; the others follow when it listens. What stops a start is so said once, and
  what a crash left is mended once. The parent then ends with the worker's own exit code.
- Later a worker that dies is started anew: at once, or after a pause that grows while it dies
  young.
- One that has said nothing for a minute stands still, and is ended for another to take its place.
- SIGTERM and SIGINT end all of them; each finishes what it is answering.
- Each has a line to the parent. Where that closes, the parent is gone, and the worker ends.
"""

from __future__ import annotations

import asyncio
import logging
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from civitas.addresses import Held
from civitas.fellows import Fellows, letter_boxes

log = logging.getLogger("civitas.workers")
YOUNG = 10.0
"""Seconds; who dies before is not started anew at once."""
LONGEST_PAUSE = 30.0
STOP_SECONDS = 15.0
"""So long workers may take to end; before systemd's own patience is over."""
BEAT_SECONDS, SILENT_SECONDS = 5.0, 60.0
"""How often a worker says that it goes on, and after which silence it does not."""
NEVER_AGAIN = 78
"""EX_CONFIG, sysexits.h: a wrong PIN; a token would lock if it were tried again and again."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


@dataclass(frozen=True)
class Worker:
    """What a worker knows of its place."""

    number: int
    held: Held
    fellows: Fellows
    line: socket.socket

    def ready(self) -> None:
        """Tell the parent that this worker listens."""
        with suppress(OSError):
            self.line.send(b"+")

    def attend(self, loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
        """Tell the parent that this loop goes on, and stop when it is gone: nothing ever comes on
        the line but its end."""
        self.line.setblocking(False)

        def gone() -> None:
            loop.remove_reader(self.line)
            stop()

        def beat() -> None:
            with suppress(OSError):
                self.line.send(b".")
            loop.call_later(BEAT_SECONDS, beat)

        loop.add_reader(self.line, gone)
        beat()


@dataclass
class _Child:
    number: int
    line: socket.socket
    began: float = field(default_factory=time.monotonic)
    heard: float = 0.0
    ready: bool = False
    ended: bool = False
    doubted: bool = False


class Parent:
    """Of `workers` processes. `on_ready` runs once, when all of them listen."""

    def __init__(self, workers: int, held: Held, on_ready: Callable[[], None]) -> None:
        self._workers = workers
        self._held = held
        self._on_ready = on_ready
        self._boxes = letter_boxes(workers)
        self._children: dict[int, _Child] = {}
        self._due: dict[int, float] = {1: 0.0}
        self._pauses: dict[int, float] = {}
        self._started = False
        self._stopping: float | None = None
        self._killed = False
        self._exit_code = 0
        self._wakes, self._waker = socket.socketpair()
        self._woke = time.monotonic()
        """One clock for a whole turn, so that a parent that stood still anywhere in it notices."""

    def share(self) -> Worker:
        """Returns in each worker; in the parent it ends, by SystemExit, when all have ended."""
        self._wakes.setblocking(False)
        self._waker.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for end in (signal.SIGTERM, signal.SIGINT):
            signal.signal(end, lambda *_: self._stop())
        while self._stopping is None or self._children:
            for number in self._whose_turn():
                if (worker := self._fork(number)) is not None:
                    return worker
            self._wait()
            self._listen()
            self._end_the_silent()
            self._reap()
            self._lose_patience()
        raise SystemExit(self._exit_code)

    # ── starting ──────────────────────────────────────────────────────────────────────

    def _whose_turn(self) -> Sequence[int]:
        if self._stopping is not None:
            return ()
        now = time.monotonic()
        return [number for number, at in sorted(self._due.items()) if at <= now]

    def _fork(self, number: int) -> Worker | None:
        """The worker, in the worker; None in the parent."""
        ours, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        with _no_signals():
            if self._stopping is not None:
                return None
            del self._due[number]
            pid = os.fork()
            if pid:
                theirs.close()
                self._children[pid] = _Child(number, ours)
                return None
            for one in (ours, *(child.line for child in self._children.values())):
                one.close()
            self._children.clear()
            signal.set_wakeup_fd(-1)
            self._wakes.close()
            self._waker.close()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for ordinary in (signal.SIGTERM, signal.SIGCHLD):
                signal.signal(ordinary, signal.SIG_DFL)
        return Worker(number, self._held, Fellows(number, self._boxes), theirs)

    # ── watching ──────────────────────────────────────────────────────────────────────

    def _wait(self) -> None:
        """Until a worker or a signal has something to say, or a pause is over."""
        ends = list(self._due.values())
        if self._stopping is not None:
            ends = [] if self._killed else [self._stopping + STOP_SECONDS]
        ends += [child.heard + SILENT_SECONDS for child in self._children.values() if child.ready]
        pause = max(0.0, min(ends) - time.monotonic()) if ends else None
        lines = [child.line for child in self._children.values() if not child.ended]
        select.select([self._wakes, *lines], [], [], pause)
        with suppress(BlockingIOError):
            while self._wakes.recv(512):
                pass
        before, self._woke = self._woke, time.monotonic()
        if self._woke - before > 2 * BEAT_SECONDS:
            # Nobody said anything: the whole machine may have stood still, and not they alone.
            self._doubt()

    def _doubt(self) -> None:
        """Ask for one more beat before anybody counts as silent."""
        for child in self._children.values():
            latest = self._woke - SILENT_SECONDS + 2 * BEAT_SECONDS
            if not child.doubted:
                child.doubted, child.heard = True, max(child.heard, latest)

    def _listen(self) -> None:
        for child in self._children.values():
            if child.ended or not select.select([child.line], [], [], 0)[0]:
                continue
            said = child.line.recv(512)
            child.ended, child.heard, child.doubted = not said, self._woke, False
            if b"+" in said:
                child.ready = True
                if not self._started and child.number == 1:
                    self._due |= dict.fromkeys(range(2, self._workers + 1), 0.0)
        ready = sum(child.ready for child in self._children.values())
        if not self._started and self._stopping is None and ready == self._workers:
            self._started = True
            self._on_ready()

    def _end_the_silent(self) -> None:
        for pid, child in self._children.items():
            if child.ready and self._woke > child.heard + SILENT_SECONDS:
                log.error("worker %d has been silent for %.0f s", child.number, SILENT_SECONDS)
                os.kill(pid, signal.SIGKILL)
                child.heard = self._woke

    def _reap(self) -> None:
        for pid in list(self._children):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                child = self._children.pop(pid)
                child.line.close()
                self._ended(child, os.waitstatus_to_exitcode(status))

    def _ended(self, child: _Child, code: int) -> None:
        if self._stopping is not None:
            if code > 0 and not self._exit_code:
                self._exit_code = code
            return
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        if not self._started or code == NEVER_AGAIN:
            log.error("worker %d ended %s; without it nothing is started", child.number, how)
            self._exit_code = code if code > 0 else 1
            self._stop()
            return
        lived = time.monotonic() - child.began
        before = self._pauses.get(child.number, 0.0)
        pause = 0.0 if child.ready and lived >= YOUNG else min(LONGEST_PAUSE, max(1.0, 2 * before))
        self._pauses[child.number] = pause
        self._due[child.number] = time.monotonic() + pause
        when = f"in {pause:.0f} seconds" if pause else "now"
        log.error("worker %d ended %s; another is started %s", child.number, how, when)

    # ── ending ────────────────────────────────────────────────────────────────────────

    def _stop(self) -> None:
        if self._stopping is None:
            self._stopping = time.monotonic()
        for pid in self._children:
            os.kill(pid, signal.SIGTERM)  # who is not reaped yet can still be sent a signal

    def _lose_patience(self) -> None:
        if self._stopping is None or self._killed:
            return
        if time.monotonic() < self._stopping + STOP_SECONDS:
            return
        for pid, child in self._children.items():
            log.error("worker %d did not end in %.0f seconds", child.number, STOP_SECONDS)
            os.kill(pid, signal.SIGKILL)
        self._exit_code = self._exit_code or 1
        self._killed = True


@contextmanager
def _no_signals() -> Iterator[None]:
    """Until a new worker has its own answers to them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


__all__ = ["LONGEST_PAUSE", "STOP_SECONDS", "YOUNG", "Parent", "Worker"]
