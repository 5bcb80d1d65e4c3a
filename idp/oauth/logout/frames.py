"""Services told of a sign-out by pages of theirs in frames of ours — OIDC Front-Channel Logout 1.0.

The page that says "you are signed out" shows them. It may come after a redirect, when the session
is over: its address carries a mark of which one that was, for a few minutes.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import bindparam, select
from starlette.requests import Request

from foundation.runtime import Runtime
from idp.oauth import client_addresses
from idp.oauth.client import Client
from idp.oauth.clients import Clients
from idp.oauth.tables import grants
from idp.oauth.way_back import with_query

PARAMETER = "of"
LIFE = timedelta(minutes=5)
MOST = 50
"""Frames on one page: each is a page that the browser loads."""
_OF_SESSION = (
    select(grants)
    .where(
        grants.c.session_id == bindparam("session"),
        grants.c.client_id.in_(client_addresses.HEARS_IN_FRAMES),
    )
    .order_by(grants.c.created_at.desc(), grants.c.id)
)


@dataclass(frozen=True, slots=True)
class Frames:
    """Which pages of services the page after a sign-out shows."""

    runtime: Runtime
    issuer: str
    clients: Clients

    def of(self, session_id: str) -> tuple[str, ...]:
        """Their addresses, each once; with `iss` and `sid` for who asked for them (§2)."""
        with self.runtime.database.read() as uow:
            rows = uow.all(_OF_SESSION, {"session": session_id})
        now = self.runtime.clock.now()
        found: dict[str, None] = {}
        for row in rows:
            client = self.clients.find(row.client_id, now)
            if client is not None and client.active and (uri := client.frontchannel_logout_uri):
                found[self._address(client, uri, row.session_reference)] = None
        return tuple(found)[:MOST]

    def mark(self, session_id: str) -> str:
        """What the page after the sign-out is to be asked with; empty where it shows nothing."""
        if not self.of(session_id):
            return ""
        ends = int((self.runtime.clock.now() + LIFE).timestamp())
        return f"{session_id}.{ends}.{self._mac(session_id, ends)}"

    def marked(self, request: Request) -> Sequence[str]:
        """What the page of this request shows."""
        session_id, _, rest = request.query_params.get(PARAMETER, "").partition(".")
        ends, _, mac = rest.partition(".")
        if not (ends.isascii() and ends.isdigit() and len(ends) < 12):
            return ()
        right = hmac.compare_digest(self._mac(session_id, int(ends)).encode(), mac.encode())
        if not right or self.runtime.clock.now().timestamp() > int(ends):
            return ()
        return self.of(session_id)

    def _address(self, client: Client, uri: str, session_reference: str) -> str:
        if not client.frontchannel_logout_session_required:
            return uri
        return with_query(uri, {"iss": self.issuer, "sid": session_reference})

    def _mac(self, session_id: str, ends: int) -> str:
        mac = self.runtime.keys.mac("oauth-signed-out", f"{session_id}\0{ends}".encode())
        return base64.urlsafe_b64encode(mac[:18]).decode("ascii")
