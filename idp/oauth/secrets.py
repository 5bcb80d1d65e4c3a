"""Client secrets: high-entropy, shown once, kept as a keyed fast hash — RFC 6749 §2.3.1, §10.10."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta

from foundation import opaque
from foundation.clock import AHEAD
from foundation.keys import Keys
from idp.oauth.client import Client

_PURPOSE = "oauth-client-secret"
LONGEST_OVERLAP = timedelta(days=7)
"""A new secret and the one before work side by side for this long at most."""


class ClientSecrets:
    """Makes and compares client secrets.

    A secret has 256 random bits, so that a fast hash is right for it; the key makes a stolen
    table useless for checking guesses even of a secret that somebody chose by hand.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def new(self, client_id: str) -> tuple[str, bytes]:
        """A new secret, and what to store in its place."""
        value = opaque.secret(32)
        return value, self._mac(client_id, value)

    def match(self, client: Client, given: str, now: datetime) -> bool:
        """Whether `given` is the client's secret, or the one before while both work; in constant
        time."""
        mac = self._mac(client.id, given)
        until = client.previous_secret_until
        both = until is not None and now < until <= now + LONGEST_OVERLAP + AHEAD
        before = client.previous_secret_mac if both else None
        known = [stored for stored in (client.secret_mac, before) if stored is not None]
        return any(hmac.compare_digest(mac, stored) for stored in known)

    def _mac(self, client_id: str, value: str) -> bytes:
        return self._keys.mac(_PURPOSE, f"{client_id}\0{value}".encode())
