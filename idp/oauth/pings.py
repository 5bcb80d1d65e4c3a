"""Telling a service that a person answered what it asked them elsewhere — CIBA Core 1.0 §10.2.

The ping says which request, and not what the answer is: for that the service comes to the token
endpoint, as the client that it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from foundation.database import UnitOfWork
from foundation.fetch import Fetch, FetchFailed, FetchRefused
from foundation.runtime import Runtime
from idp.oauth import backchannel_requests
from idp.oauth.backchannel_requests import BackchannelRequest
from idp.oauth.clients import Clients
from idp.oauth.sending import Sending

MOST_PINGS = 3
PAUSE = timedelta(seconds=10)
_TYPE = "application/json"


class Pings(Sending[BackchannelRequest]):
    """Sends the pings that are due."""

    what = "pings"
    every = timedelta(seconds=1)

    def __init__(
        self,
        runtime: Runtime,
        clients: Clients,
        fetch: Fetch,
        opened: Callable[[BackchannelRequest], tuple[str, str]],
    ) -> None:
        """`opened`: the `auth_req_id` of a request and what its service wants to be told with."""
        super().__init__(runtime)
        self._clients = clients
        self._fetch = fetch
        self._opened = opened

    def due(
        self, uow: UnitOfWork, now: datetime, busy: Collection[str], most: int
    ) -> Sequence[tuple[BackchannelRequest, datetime]]:
        return backchannel_requests.to_ping(uow, now, busy, most)

    def lease(
        self, uow: UnitOfWork, one: BackchannelRequest, due_at: datetime, now: datetime
    ) -> bool:
        return backchannel_requests.lease_ping(uow, one, due_at, now)

    def attempt(self, one: BackchannelRequest) -> None:
        now = self._runtime.clock.now()
        client = self._clients.find(one.client_id, now)
        heard = True
        if client is not None and client.active and not one.is_over(now):
            place = client.backchannel_client_notification_endpoint
            heard = place is None or self._heard(place, one)
        tries_left = one.pings + 1 < MOST_PINGS
        again_at = None if heard or not tries_left else self._runtime.clock.now() + PAUSE
        with self._runtime.database.write() as uow:
            backchannel_requests.pinged(uow, one.digest, again_at)

    def _heard(self, place: str, one: BackchannelRequest) -> bool:
        """Whether it need not be said again: what the service refuses, it refuses (§10.2); it asks
        by itself as well. A redirect is refused by the fetch, and never followed."""
        auth_req_id, token = self._opened(one)
        body = json.dumps({"auth_req_id": auth_req_id}).encode()
        try:
            answer = self._fetch.send(place, body, _TYPE, (), {"Authorization": f"Bearer {token}"})
        except FetchRefused:
            return True
        except FetchFailed:
            return False
        return answer.status < 500
