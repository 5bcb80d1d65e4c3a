"""A signature that was verified is remembered until the token's end — RFC 9068 §4.

Only that these very bytes were signed, by which key, and what they say: none of it changes. Whether
the key is still published, the time, and every record of ours are looked at each time
(decision 41).
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from foundation.keys import Keys
from foundation.recent import Recent
from idp.oauth.tokens import access_token
from idp.oauth.tokens.access_token import AccessToken
from idp.oauth.tokens.jws import NotOurs

MOST = 8192


class Signatures:
    """Access tokens of ours, each verified once; safe to share between threads."""

    def __init__(self, keys: Keys, issuer: str, most: int = MOST) -> None:
        self._keys = keys
        self._issuer = issuer
        # The digest of the whole token → the key that signed it, and what it says.
        self._verified: Recent[bytes, tuple[str, AccessToken]] = Recent(most)

    def token(self, value: str, now: datetime) -> AccessToken:
        """An access token of ours that has not expired. Raises jws.NotOurs, and remembers no
        refusal: a key may be published a moment later."""
        name = hashlib.sha256(value.encode(errors="replace")).digest()
        known = self._verified.get(name)
        try:
            kid, token = known or access_token.signed_by(self._keys, value)
            if known is not None and not self._published(kid):
                raise NotOurs("signed by a key that we do not publish")
            access_token.check(token, self._issuer, now)
        except NotOurs:
            self._verified.forget(name)
            raise
        if known is None:
            self._verified.put(name, (kid, token))
        return token

    def _published(self, kid: str) -> bool:
        # Read as often as for a token that was never seen: a compromised key ends at once.
        return any(key.kid == kid for key in self._keys.published(access_token.USE))
