"""Events on their way out: signed here, pushed or handed over — RFC 8935, RFC 8936."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from foundation.audit import SYSTEM
from foundation.database import UnitOfWork
from foundation.fetch import Fetch, FetchError
from foundation.runtime import Runtime
from idp.oauth.client import Client
from idp.oauth.clients import Clients
from idp.oauth.sending import Sending
from idp.oauth.signals import events, outbox, streams
from idp.oauth.signals.outbox import Signal

SEAL = "oauth-signals-authorization"
HEARD = (200, 202, 204)
"""RFC 8935 §2.2: 202; some frameworks make others of it."""
_TYPE = "application/secevent+jwt"


class Pushes(Sending[Signal]):
    """Pushes the events that are due."""

    what = "signals"
    every = timedelta(seconds=1)

    def __init__(self, runtime: Runtime, issuer: str, clients: Clients, fetch: Fetch) -> None:
        super().__init__(runtime)
        self._issuer = issuer
        self._clients = clients
        self._fetch = fetch

    def due(
        self, uow: UnitOfWork, now: datetime, busy: Collection[str], most: int
    ) -> Sequence[tuple[Signal, datetime]]:
        return outbox.due(uow, now, busy, most)

    def lease(self, uow: UnitOfWork, one: Signal, due_at: datetime, now: datetime) -> bool:
        return outbox.lease(uow, one, due_at, now)

    def attempt(self, one: Signal) -> None:
        client = self._clients.find(one.client_id, self._runtime.clock.now())
        why = None if client is None or not client.active else self._said(client, one)
        now = self._runtime.clock.now()
        with self._runtime.database.write() as uow:
            if why is None:
                outbox.done(uow, one.client_id, [one.id])
            elif not outbox.failed(uow, one, why, now):
                details = {"client": one.client_id, "reason": why, "attempts": one.attempts}
                self._runtime.audit.record(uow, "client.not_told", SYSTEM, details=details)

    def signed(self, client: Client, one: Signal, stream_id: str) -> str:
        """The token. The same event has the same `jti` each time (RFC 8935 §2.1)."""
        if one.subject is None:  # about the stream itself (SSF §8.1.4.1)
            sub_id = {"format": "opaque", "id": stream_id}
            said = {} if one.state is None else {"state": one.state}
        else:
            sub_id = events.subject_of(self._issuer, one.subject, one.session_reference)
            said = events.body(one.event, one.created_at)
        keys, at = self._runtime.keys, one.created_at
        return events.encode(keys, self._issuer, client, one.id, sub_id, one.event, said, at)

    def _said(self, client: Client, one: Signal) -> str | None:
        """Why it was not heard; None if it was, or is not to be."""
        with self._runtime.database.read() as uow:
            stream = streams.of_client(uow, client.id)
        if stream is None or stream.endpoint is None or stream.method != streams.PUSH:
            return None
        token, sent = self.signed(client, one, stream.id), {"Accept": "application/json"}
        if stream.authorization is not None:
            opened = self._runtime.keys.open(SEAL, stream.authorization, stream.id)
            sent["Authorization"] = opened.decode()
        try:
            answer = self._fetch.send(stream.endpoint, token.encode(), _TYPE, (), sent)
        except FetchError as reason:
            return str(reason)
        return None if answer.status in HEARD else f"{stream.endpoint} answered {answer.status}."
