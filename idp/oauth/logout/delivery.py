"""Telling services that a session ended, server to server — OIDC Back-Channel Logout 1.0 §2.5."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from foundation.audit import SYSTEM
from foundation.database import UnitOfWork
from foundation.fetch import Fetch, FetchError
from foundation.runtime import Runtime
from idp.oauth.client import Client
from idp.oauth.clients import Clients
from idp.oauth.logout import logout_token, outbox
from idp.oauth.logout.outbox import SignOut
from idp.oauth.sending import Sending

HEARD = (200, 204)
"""§2.8: 200; some frameworks make 204 of it."""
_FORM = "application/x-www-form-urlencoded"


class Delivery(Sending[SignOut]):
    """Sends the sign-outs that are due."""

    what = "sign outs"

    def __init__(self, runtime: Runtime, issuer: str, clients: Clients, fetch: Fetch) -> None:
        super().__init__(runtime)
        self._issuer = issuer
        self._clients = clients
        self._fetch = fetch

    def due(
        self, uow: UnitOfWork, now: datetime, busy: Collection[str], most: int
    ) -> Sequence[tuple[SignOut, datetime]]:
        return outbox.due(uow, now, busy, most)

    def lease(self, uow: UnitOfWork, one: SignOut, due_at: datetime, now: datetime) -> bool:
        return outbox.lease(uow, one, due_at, now)

    def attempt(self, one: SignOut) -> None:
        client = self._clients.find(one.client_id, self._runtime.clock.now())
        why = None
        if client is not None and client.active and client.backchannel_logout_uri is not None:
            why = self._said(client, client.backchannel_logout_uri, one)
        now = self._runtime.clock.now()
        with self._runtime.database.write() as uow:
            if why is None:
                outbox.done(uow, one)
            elif not outbox.failed(uow, one, why, now):
                details = {"client": one.client_id, "reason": why, "attempts": one.attempts}
                self._runtime.audit.record(uow, "client.not_told", SYSTEM, details=details)

    def _said(self, client: Client, uri: str, one: SignOut) -> str | None:
        """Why it was not heard; None if it was."""
        now = self._runtime.clock.now()
        keys = self._runtime.keys
        token = logout_token.encode(
            keys, self._issuer, client, one.subject, one.session_reference, now
        )
        try:
            answer = self._fetch.send(uri, f"logout_token={token}".encode(), _FORM, ())
        except FetchError as reason:
            return str(reason)
        return None if answer.status in HEARD else f"{uri} answered {answer.status}."
