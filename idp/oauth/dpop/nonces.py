"""Nonces that say when they were given out, and need no memory — RFC 9449 §8, §11.1.

Each is a minute and a MAC over it: every process takes what another one gave, and a client whose
clock is wrong is told our time by it. What is made in advance is worth nothing after some minutes.
"""

from __future__ import annotations

import base64
import hmac
from datetime import datetime, timedelta

from foundation.keys import Keys

LIFE = timedelta(minutes=4)
_MINUTE = 60
_PURPOSE = "dpop-nonce"
_TAG = 16


class Nonces:
    """Gives and recognises them; safe to share between threads."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def current(self, now: datetime) -> str:
        return self._of(int(now.timestamp()) // _MINUTE)

    def is_good(self, nonce: str, now: datetime) -> bool:
        """Whether we gave it out within `LIFE`. A node whose clock is ahead may be a minute so."""
        minute = int(now.timestamp()) // _MINUTE
        try:
            said = int.from_bytes(base64.urlsafe_b64decode(nonce + "==")[:6], "big")
        except ValueError:
            return False
        recent = minute - LIFE.total_seconds() // _MINUTE < said <= minute + 1
        return hmac.compare_digest(nonce.encode(), self._of(said).encode()) and recent

    def _of(self, minute: int) -> str:
        head = minute.to_bytes(6, "big")
        tag = self._keys.mac(_PURPOSE, head)[:_TAG]
        return base64.urlsafe_b64encode(head + tag).rstrip(b"=").decode()
