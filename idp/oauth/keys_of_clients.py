"""Keys of clients that stand at an address of theirs — RFC 7591 §2 `jwks_uri`, OIDC Core §10.1.1.

Fetched when they are needed, kept for some minutes, and once more when a signature names a key that
is not among them: so a client rotates its keys without us. Never inside a unit of work.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from foundation.fetch import Fetch, FetchError
from foundation.recent import Recent
from idp.oauth import client_keys, profiles
from idp.oauth.client import Client
from idp.oauth.tokens import foreign

KEEP = timedelta(minutes=10)
APART = timedelta(seconds=30)
"""No two fetches of one address are nearer to each other, whatever somebody sends us."""
LONGEST = timedelta(hours=1)
"""While the address does not answer, keys of before count for this long: one that was taken from
there because it leaked dies then at the latest."""
_JSON = ("application/json", "application/jwk-set+json")
_MOST = 1000
Keys = Sequence[Mapping[str, Any]]
log = logging.getLogger("civitas.oauth")


@dataclass(frozen=True, slots=True)
class _Held:
    keys: Keys
    fetched_at: datetime
    tried_at: datetime


class KeysOfClients:
    """The keys of a client, wherever they stand. Safe to share between threads."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._held: Recent[str, _Held] = Recent(_MOST)

    def of(self, client: Client, now: datetime, *, anew: bool = False) -> Keys:
        """Its keys, each with its algorithm pinned; empty where they cannot be had. `anew`: what
        is kept did not do."""
        if client.jwks_uri is None:
            return client.jwks
        held = self._held.get(client.jwks_uri)
        if held is None or not timedelta(0) <= now - held.tried_at < (APART if anew else KEEP):
            held = self._fetched(client.jwks_uri, held, now)
            self._held.put(client.jwks_uri, held)
        keys = held.keys if now - held.fetched_at < LONGEST else ()
        if client.profile is None:
            return keys
        return [key for key in keys if key["alg"] in profiles.ALGORITHMS]

    def verified(
        self, client: Client, token: str, typs: tuple[str | None, ...], now: datetime
    ) -> dict[str, Any]:
        """The claims of a JWT that a key of this client signed. Raises foreign.Refused."""
        try:
            return foreign.verified(token, self.of(client, now), typs)
        except foreign.Refused:
            if client.jwks_uri is None:
                raise
            return foreign.verified(token, self.of(client, now, anew=True), typs)

    def _fetched(self, uri: str, before: _Held | None, now: datetime) -> _Held:
        try:
            keys = usable(json.loads(self._fetch.get(uri, _JSON).body))
        except (FetchError, ValueError, RecursionError) as reason:
            log.warning("the keys of a client cannot be had: %s", reason)
            return _Held((), now, now) if before is None else replace(before, tried_at=now)
        return _Held(keys, now, now)


def usable(jwks: object) -> Keys:
    """Those of a published set that are for signing, by an algorithm that we verify.

    Raises UnusableKey, a ValueError, for a set that is none.
    """
    listed = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(listed, list):
        raise client_keys.UnusableKey("is not an object with a list 'keys'")
    found = []
    for key in listed[:100]:
        if isinstance(key, Mapping) and client_keys.signs(key):
            found.append(client_keys.pinned(key))
    return found
