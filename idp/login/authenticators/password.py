"""Passwords: Argon2id, sealed at rest — RFC 9106, NIST SP 800-63B §5.1.1, AU-2, AU-4."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from foundation import opaque
from foundation.event_loop import by
from foundation.fair_queue import Busy
from foundation.keys import Keys
from foundation.text import nfc
from idp.login.authenticators.breached import BreachedPasswords
from idp.login.settings import LoginSettings

AUTHENTICATOR = "password"
MOST_BYTES = 1024
_PURPOSE = "login-password"

HASHES_AT_ONCE = os.cpu_count() or 1
"""More would be no faster, and each takes its memory, which a thread's heap keeps."""
_POLITE = 5


def _give_way() -> None:
    """Hashing takes what the other threads leave: a rush at sign-in slows down sign-in alone. On
    Linux a thread has a niceness of its own, sched(7)."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, 0, _POLITE)


_HASHING = ThreadPoolExecutor(HASHES_AT_ONCE, "argon2", _give_way)
# Routes that hash wait at the gate, where networks take turns and no thread is held; this bound is
# for whatever comes another way.
_PROMISED = BoundedSemaphore(HASHES_AT_ONCE * 16)
_P = ParamSpec("_P")
_R = TypeVar("_R")


def _hashing(work: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
    if not _PROMISED.acquire(blocking=False):
        raise Busy(1)
    try:
        return by(_HASHING, work, *args, **kwargs)
    finally:
        _PROMISED.release()


def prepared(password: str) -> str:
    """The password as it is hashed: NFC, so that every keyboard writes the same bytes."""
    return nfc(password)


def too_long(password: str) -> bool:
    """Whether hashing it would only serve to exhaust us."""
    return len(password) > MOST_BYTES or len(prepared(password).encode()) > MOST_BYTES


class Passwords:
    """Hashes and verifies. Slow on purpose: never call it inside a write."""

    def __init__(
        self, keys: Keys, settings: LoginSettings, breached: BreachedPasswords | None = None
    ) -> None:
        self.breached = breached or BreachedPasswords()
        self._keys = keys
        self._hasher = PasswordHasher(
            time_cost=settings.argon2_passes,
            memory_cost=settings.argon2_memory,
            parallelism=settings.argon2_lanes,
            type=Type.ID,
        )
        self._nobody: str | None = None

    def hash(self, password: str, credential_id: str) -> bytes:
        """The sealed hash of a new password, bound to its credential."""
        written = _hashing(self._hasher.hash, prepared(password))
        return self._keys.seal(_PURPOSE, written.encode(), credential_id)

    def verify(self, password: str, sealed: bytes, credential_id: str) -> bool:
        """Whether ``password`` is the one; one hash of work, right or wrong."""
        return self._matches(password, self._open(sealed, credential_id))

    def refuse(self, password: str) -> None:
        """The same work as ``verify`` for a name that nobody has (X.1253 9.3-4)."""
        if self._nobody is None:
            self._nobody = _hashing(self._hasher.hash, opaque.secret())
        self._matches(password, self._nobody)

    def outdated(self, sealed: bytes, credential_id: str) -> bool:
        """Whether the parameters of today are others than those of this hash."""
        return self._hasher.check_needs_rehash(self._open(sealed, credential_id))

    def _open(self, sealed: bytes, credential_id: str) -> str:
        return self._keys.open(_PURPOSE, sealed, credential_id).decode()

    def _matches(self, password: str, written: str) -> bool:
        if too_long(password):
            password = ""  # still a hash of work, and nobody has an empty password
        try:
            return _hashing(self._hasher.verify, written, prepared(password))
        except (VerificationError, InvalidHashError):
            return False
