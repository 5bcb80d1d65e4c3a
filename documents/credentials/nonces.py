"""Nonces of key proofs: given out without memory, used once — OpenID4VCI §7, §8.2.

A nonce is a minute, a number at random and a MAC over both: any process takes what another one
gave. Only those that were used are kept, as long as they would count.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta

from documents.credentials import store
from documents.credentials.sd_jwt import base64url, from_base64url
from foundation import opaque
from foundation.database import UnitOfWork
from foundation.keys import Keys

LIFE = timedelta(minutes=5)
_PURPOSE = "credential-nonce"
_MINUTE, _RANDOM, _TAG = 6, 16, 16


class Nonces:
    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def new(self, now: datetime) -> str:
        head = _minute(now).to_bytes(_MINUTE, "big") + secrets.token_bytes(_RANDOM)
        return base64url(head + self._tag(head))

    def is_ours(self, nonce: str, now: datetime) -> bool:
        """Whether it was given out within `LIFE`; a clock that is ahead may be a minute so."""
        try:
            raw = from_base64url(nonce)
        except ValueError:
            return False
        head, tag = raw[:-_TAG], raw[-_TAG:]
        if len(head) != _MINUTE + _RANDOM or not hmac.compare_digest(tag, self._tag(head)):
            return False
        age = _minute(now) - int.from_bytes(head[:_MINUTE], "big")
        return -1 <= age < LIFE.total_seconds() // 60

    def use(self, uow: UnitOfWork, nonce: str, now: datetime) -> bool:
        """Use it up; False if somebody did already."""
        return store.first_use(uow, opaque.digest(nonce), now + LIFE + timedelta(minutes=2))

    def _tag(self, head: bytes) -> bytes:
        return self._keys.mac(_PURPOSE, head)[:_TAG]


def _minute(now: datetime) -> int:
    return int(now.timestamp()) // 60
