"""Acts under load, each of which leaves a row: what was answered has to be found afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from threading import Event

import httpx
import jwt
from sqlalchemy import select

from civitas.tour.service import Service
from foundation.database import Database
from idp.oauth.tables import revoked_tokens


class Revoking:
    """Threads that get tokens of a client and revoke them, each on a connection of its own."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.revoked: list[tuple[float, str]] = []
        """When a revocation was answered, and of which token (`jti`)."""
        self.refused: list[tuple[int, str]] = []
        self.cut_off = 0
        """Requests whose connection ended: nobody knows what became of them."""
        self._stop = Event()

    @contextmanager
    def by(self, threads: int) -> Iterator[Revoking]:
        with ThreadPoolExecutor(threads) as pool:
            running = [pool.submit(self._go_on) for _ in range(threads)]
            try:
                yield self
            finally:
                self._stop.set()
            for one in running:
                one.result()

    def wait_for(self, more: int, seconds: float = 60) -> float:
        """Until so many more are answered; the seconds that it took."""
        seen, began = len(self.revoked), time.monotonic()
        while len(self.revoked) < seen + more:
            assert time.monotonic() < began + seconds, self.refused[-1:]
            time.sleep(0.02)
        return time.monotonic() - began

    def longest_pause(self) -> float:
        at = sorted(at for at, _ in self.revoked)
        return max(after - before for before, after in pairwise(at))

    def not_found(self, database: Database) -> set[str]:
        """What was answered and is not on record."""
        with database.read() as uow:
            there = {row.jti for row in uow.all(select(revoked_tokens.c.jti))}
        return {jti for _, jti in self.revoked} - there

    def _go_on(self) -> None:
        client = httpx.Client(timeout=60)
        while not self._stop.is_set():
            try:
                self._act(client)
            except httpx.TransportError:
                self.cut_off += 1
                client.close()
                client = httpx.Client(timeout=60)
        client.close()

    def _act(self, client: httpx.Client) -> None:
        service = self._service
        who = service.client_id, service.secret
        asked = {"grant_type": "client_credentials", "scope": "access:evaluate"}
        got = client.post(service.metadata["token_endpoint"], data=asked, auth=who)
        if got.status_code != 200:
            self._was_refused(got)
            return
        token = got.json()["access_token"]
        asked = {"token": token}
        got = client.post(service.metadata["revocation_endpoint"], data=asked, auth=who)
        if got.status_code != 200:
            self._was_refused(got)
            return
        claims = jwt.decode(token, options={"verify_signature": False})
        self.revoked.append((time.monotonic(), claims["jti"]))

    def _was_refused(self, answer: httpx.Response) -> None:
        self.refused.append((answer.status_code, answer.text))
        time.sleep(0.1)
