"""Telling services that a session ended, server to server — OIDC Back-Channel Logout 1.0 §2.5.

Some threads speak to many services at once; of these a few at most to the same one, so that one
which hangs keeps nobody waiting. Nothing is signed or sent inside a write.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from functools import cached_property

from sqlalchemy.exc import SQLAlchemyError

from foundation.audit import SYSTEM
from foundation.fetch import Fetch, FetchError
from foundation.runtime import Runtime
from idp.oauth.client import Client
from idp.oauth.clients import Clients
from idp.oauth.logout import logout_token, outbox
from idp.oauth.logout.outbox import SignOut

log = logging.getLogger("civitas.oauth.logout")
AT_ONCE = 24
TO_ONE = 2
HEARD = (200, 204)
"""§2.8: 200; some frameworks make 204 of it."""
_FORM = "application/x-www-form-urlencoded"


class Delivery:
    """Sends what is due. One per process; several processes share the outbox by leases."""

    def __init__(self, runtime: Runtime, issuer: str, clients: Clients, fetch: Fetch) -> None:
        self._runtime = runtime
        self._issuer = issuer
        self._clients = clients
        self._fetch = fetch
        self._lock = threading.Lock()
        self._under_way: Counter[str] = Counter()
        runtime.jobs.here(timedelta(0), self.start)

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        # Not before the first: most deployments have no service that wants to hear.
        return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sign-outs")

    def start(self) -> list[Future[None]]:
        """Begin with what is due, as far as there are threads; waits for none of them."""
        now = self._runtime.clock.now()
        with self._lock:
            free = AT_ONCE - self._under_way.total()
            busy = [client for client, count in self._under_way.items() if count >= TO_ONE]
        if free <= 0:
            return []
        with self._runtime.database.read() as uow:
            found = outbox.due(uow, now, busy, free)
        taken = [(one, due_at) for one, due_at in found if self._begin(one)]
        if not taken:
            return []
        try:
            with self._runtime.database.write() as uow:
                mine = [outbox.lease(uow, one, due_at, now) for one, due_at in taken]
        except BaseException:
            for one, _ in taken:
                self._over(one)
            raise
        begun = []
        for (one, _), leased in zip(taken, mine, strict=True):
            if leased:
                begun.append(self._threads.submit(self._tell, one))
            else:
                self._over(one)
        return begun

    def run(self) -> int:
        """Say all that is due, and wait for it; how many were said or failed."""
        count = 0
        while begun := self.start():
            wait(begun)
            count += len(begun)
        return count

    def _tell(self, one: SignOut) -> None:
        try:
            self._try(one)
        except SQLAlchemyError as error:
            # The lease ends by itself, and it is said again.
            log.warning("a sign-out waits for the database: %s", error)
        except Exception:
            log.exception("a sign-out for %s cannot be sent", one.client_id)
        finally:
            self._over(one)

    def _try(self, one: SignOut) -> None:
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

    def _begin(self, one: SignOut) -> bool:
        """Whether one more may be on its way to this client."""
        with self._lock:
            if self._under_way[one.client_id] >= TO_ONE:
                return False
            self._under_way[one.client_id] += 1
            return True

    def _over(self, one: SignOut) -> None:
        with self._lock:
            self._under_way[one.client_id] -= 1
            if not self._under_way[one.client_id]:
                del self._under_way[one.client_id]
