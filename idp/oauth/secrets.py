"""Client secrets: high-entropy, shown once, kept as a keyed fast hash — RFC 6749 §2.3.1, §10.10."""

from __future__ import annotations

import hmac

from foundation import opaque
from foundation.keys import Keys
from idp.oauth.client import Client

_PURPOSE = "oauth-client-secret"


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

    def match(self, client: Client, given: str) -> bool:
        """Whether `given` is the client's secret, in constant time."""
        mac = self._mac(client.id, given)
        return client.secret_mac is not None and hmac.compare_digest(mac, client.secret_mac)

    def _mac(self, client_id: str, value: str) -> bytes:
        return self._keys.mac(_PURPOSE, f"{client_id}\0{value}".encode())
