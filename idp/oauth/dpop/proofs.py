"""Proofs looked at: fresh, for this request, and seen for the first time — RFC 9449 §4.3, §8, §9.

Read first and spent later: what is refused for want of a nonce has used up nothing, neither the
client's assertion nor its code.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta

from starlette.requests import Request

from foundation.database import Database, UnitOfWork
from idp.oauth import assertions
from idp.oauth.dpop import proof
from idp.oauth.dpop.nonces import LIFE, Nonces
from idp.oauth.dpop.proof import Proof, Refused

HEADER = "dpop"
NONCE_HEADER = "DPoP-Nonce"
PAST, FUTURE = timedelta(minutes=2), timedelta(seconds=30)
"""How far the clock of a client may be off, where it sends no nonce of ours."""
_KEPT = max(LIFE, PAST) + timedelta(minutes=2)


class Proofs:
    """`hosts`: where our endpoints are reached. `with_nonces`: whether a proof needs one."""

    def __init__(
        self, database: Database, nonces: Nonces, hosts: tuple[str, ...], *, with_nonces: bool
    ) -> None:
        self._database = database
        self._nonces = nonces
        self._hosts = hosts
        self._with_nonces = with_nonces

    def read(self, request: Request, now: datetime) -> Proof | None:
        """The proof of a request, not spent yet; None where it has none. Raises Refused."""
        if HEADER not in request.headers:
            return None
        sent = request.headers.getlist(HEADER)
        if len(sent) != 1:
            raise Refused("Send one DPoP header.")
        urls = [host + request.url.path for host in self._hosts]
        found = proof.parse(sent[0], request.method, urls)
        self._check_time(found, now)
        return found

    def spend(self, uow: UnitOfWork, found: Proof, now: datetime) -> None:
        """Use it up. Raises Refused for one that was seen, at whichever process (§11.1)."""
        seen = hashlib.sha256(f"{found.id}\0{found.url}".encode()).digest()
        name = base64.urlsafe_b64encode(seen).rstrip(b"=").decode()
        if not assertions.first_use(uow, f"dpop:{found.thumbprint}", name, now + _KEPT):
            raise Refused("The DPoP proof was used before: make a new one for each request.")

    def prove(self, request: Request, access_token: str, bound_to: str, now: datetime) -> None:
        """That the caller of a protected resource holds the token's key (§7). Raises Refused."""
        found = self.read(request, now)
        if found is None:
            raise Refused("A token of the scheme DPoP comes with a proof, in the header DPoP.")
        if not found.is_for(access_token):
            raise Refused("ath of the DPoP proof is not the hash of this access token.")
        if not hmac.compare_digest(found.thumbprint, bound_to):
            raise Refused("The access token is bound to another key.", "invalid_token")
        with self._database.write() as uow:
            self.spend(uow, found, now)

    def nonce(self, now: datetime) -> str:
        """What a refusal with `use_dpop_nonce` says."""
        return self._nonces.current(now)

    def headers(self, request: Request, now: datetime) -> Mapping[str, str]:
        """The next nonce, for who uses proofs (§8.2)."""
        if not self._with_nonces or HEADER not in request.headers:
            return {}
        return {NONCE_HEADER: self._nonces.current(now)}

    def _check_time(self, found: Proof, now: datetime) -> None:
        if found.nonce is not None and self._nonces.is_good(found.nonce, now):
            return  # ours says when it was made, whatever the client's clock does
        if self._with_nonces or found.nonce is not None:
            raise Refused("Use the nonce of the DPoP-Nonce header.", "use_dpop_nonce")
        age = now.timestamp() - found.issued_at
        if not -FUTURE.total_seconds() <= age <= PAST.total_seconds():
            raise Refused("iat of the DPoP proof is not the time now.")
