"""What was signed holds until its end, also when nothing new can be signed — RFC 7519 §4.1.4.

A token that holds the key may be away for a moment. A statement that says the same as one of a
while ago is then told as it was signed, while that may be relied on.
"""

from __future__ import annotations

import json
import logging
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from threading import Lock
from typing import Any

from foundation.keys import Keys
from idp.federation import jws

log = logging.getLogger("civitas.federation")
MOST = 1000


class Lasting:
    """Signs statements with the newest key of one use, and remembers those that have an end."""

    def __init__(self, keys: Keys, use: str) -> None:
        self._keys = keys
        self._use = use
        self._kept: OrderedDict[str, tuple[int, str]] = OrderedDict()
        self._lock = Lock()
        self._fails = False

    def sign(self, typ: str, claims: Mapping[str, Any], now: datetime) -> str:
        """The statement, signed now; else the last one that says the same and has not ended."""
        said = {name: value for name, value in claims.items() if name not in ("iat", "exp")}
        key = json.dumps([typ, said], sort_keys=True)
        try:
            token = jws.sign(self._keys.signer(self._use), typ, dict(claims))
        except Exception:
            kept = self._recall(key, now)
            if kept is None:
                raise
            if not self._fails:  # said once, not with every request
                log.exception("no %s can be signed now; what was signed is told on", typ)
            self._fails = True
            return kept
        self._fails = False
        if "exp" in claims:
            self._keep(key, claims["exp"], token)
        return token

    def _keep(self, key: str, end: int, token: str) -> None:
        with self._lock:
            self._kept[key] = end, token
            self._kept.move_to_end(key)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)

    def _recall(self, key: str, now: datetime) -> str | None:
        with self._lock:
            end, token = self._kept.get(key, (0, ""))
        return token if end > jws.seconds(now) else None
