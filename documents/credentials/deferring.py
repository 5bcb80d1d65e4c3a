"""Credentials that a wallet waits for: of a document that its office has still to make out —
OpenID4VCI §9.

Nothing is kept of who waits: what was asked for, and the keys that were proven, are sealed in the
transaction_id. It opens for that person's wallet alone, and counts once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from documents.credentials import store
from documents.credentials.errors import InvalidTransactionId
from documents.credentials.ports import Holder
from documents.credentials.sd_jwt import base64url, from_base64url
from foundation import opaque
from foundation.clock import instant
from foundation.database import UnitOfWork
from foundation.keys import Keys
from foundation.sealing import CannotOpen

INTERVAL = timedelta(minutes=5)
LONGEST = 20_000
_SEALED = "deferred-credential"
Key = dict[str, str]


@dataclass(frozen=True, slots=True)
class Deferred:
    """It is not there yet: ask again by this, and no sooner than after `INTERVAL`."""

    transaction_id: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a wallet waits for. `until`: when it is over."""

    form: str
    keys: Sequence[Key]
    until: datetime


class Deferrals:
    def __init__(self, keys: Keys, days: int) -> None:
        self._keys = keys
        self.days = days

    def new(self, holder: Holder, form: str, keys: Sequence[Key], now: datetime) -> Deferred:
        until = now + timedelta(days=self.days)
        said = {"form": form, "keys": list(keys), "until": int(until.timestamp())}
        raw = json.dumps(said, separators=(",", ":")).encode()
        return Deferred(base64url(self._keys.seal(_SEALED, raw, _whose(holder))))

    def opened(self, transaction_id: Any, holder: Holder, now: datetime) -> Waiting:
        """Raises InvalidTransactionId for one of another wallet or person, or too old."""
        if not isinstance(transaction_id, str) or len(transaction_id) > LONGEST:
            raise InvalidTransactionId("transaction_id is missing, or not a text of ours.")
        try:
            sealed = from_base64url(transaction_id)
            said = json.loads(self._keys.open(_SEALED, sealed, _whose(holder)))
        except (CannotOpen, ValueError):
            raise InvalidTransactionId("There is no such transaction of this wallet.") from None
        waiting = Waiting(said["form"], said["keys"], instant(said["until"] * 1_000_000))
        if now >= waiting.until:
            raise InvalidTransactionId("The time for this is over: ask anew.")
        return waiting

    def use(self, uow: UnitOfWork, transaction_id: str, waiting: Waiting) -> None:
        """Use it up, with what is given for it. Raises InvalidTransactionId if it was."""
        if not store.first_use(uow, opaque.digest(transaction_id), waiting.until):
            raise InvalidTransactionId("What this was for was given already.")


def _whose(holder: Holder) -> str:
    return f"{holder.person_id}\0{holder.wallet}"
