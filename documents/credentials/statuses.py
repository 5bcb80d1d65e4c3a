"""The status lists of this issuer: built from what ended, signed, kept for some seconds."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from documents.credentials import status_list, store
from documents.credentials.sd_jwt import from_base64url
from documents.credentials.settings import CredentialsSettings
from documents.credentials.signers import signed
from foundation.errors import NotFound
from foundation.marking import N_
from foundation.runtime import Runtime
from pki import OwnSigner

LASTS = timedelta(days=1)
"""How long a list may be used where there is no network to get the next one."""


class Statuses:
    """`uri`: where the lists are. Each process builds its own; all say the same within `FRESH`."""

    FRESH = timedelta(seconds=15)

    def __init__(self, runtime: Runtime, keys: OwnSigner, uri: str) -> None:
        self._runtime = runtime
        self._keys = keys
        self._uri = uri
        self.ttl = runtime.settings.of(CredentialsSettings).status_ttl_seconds
        self._built: dict[int, tuple[datetime, str]] = {}
        self._in_cbor: dict[int, tuple[str, bytes]] = {}

    def uri(self, number: int) -> str:
        return f"{self._uri}/{number}"

    def token(self, number: int, now: datetime) -> str:
        """The signed list of a number; raises NotFound for one that nothing stands in yet."""
        known = self._built.get(number)
        if known is not None and timedelta(0) <= now - known[0] < self.FRESH:
            return known[1]
        with self._runtime.database.read() as uow:
            if not 0 <= number <= store.highest_list(uow):
                raise NotFound(N_("There is no status list of this number."))
            ended = store.ended_in(uow, number, now)
        claims = {
            "sub": self.uri(number),
            "iat": int(now.timestamp()),
            "exp": int((now + LASTS).timestamp()),
            "ttl": self.ttl,
            "status_list": status_list.packed(ended, store.PLACES),
        }
        token = signed(self._keys.key(now), status_list.TYPE, claims)
        self._built[number] = (now, token)
        return token

    def in_cbor(self, number: int, now: datetime) -> bytes:
        """The same list, which says the same, signed as those read it who read mdocs."""
        token, known = self.token(number, now), self._in_cbor.get(number)
        if known is not None and known[0] == token:
            return known[1]
        made = status_list.in_cbor(self._keys.key(now), json.loads(_payload(token)))
        self._in_cbor[number] = (token, made)
        return made


def _payload(token: str) -> bytes:
    return from_base64url(token.split(".")[1])
