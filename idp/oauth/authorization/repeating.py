"""The same answer once more leads to the same place — OpenID Connect Core 1.0 §3.1.2.5.

A person who clicks twice on a slow server has sent two answers, and the browser waits for the
second only. While the code of the first is unused that is where the second leads, too; the place is
sealed under the handle, so that no code is stored in clear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from foundation.database import UnitOfWork
from foundation.errors import Problem
from foundation.runtime import Runtime
from idp.oauth import backchannel_requests, codes, device_codes, pushed_requests
from idp.oauth.authorization import transaction
from idp.oauth.authorization.transaction import Transaction
from idp.oauth.way_back import parameters_of

_SEAL = "oauth-led-to"


class AnsweredMeanwhile(Exception):
    """Another request of the same browser answered first."""


class Repeating:
    """Answers a transaction once, and says the same again to whoever answers the same."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def once(
        self,
        find: Callable[[], Transaction],
        said: Sequence[str],
        act: Callable[[Transaction], str],
        over: Callable[[], Problem],
    ) -> str:
        """Where `act` leads; where the answer `said` led before, if it was given before.

        `act` raises AnsweredMeanwhile where it finds the transaction answered. Raises `over` for
        another answer than was given, and where the code of the first is spent.
        """
        found = find()
        if found.state != transaction.ANSWERED:
            try:
                return act(found)
            except AnsweredMeanwhile:
                found = find()
        place = self.place(found, self._runtime.clock.now()) if found.said(said) else None
        if place is None:
            raise over()
        return place

    def answer(self, uow: UnitOfWork, waiting: Transaction) -> None:
        """In the write that decides. Raises AnsweredMeanwhile."""
        if not transaction.answer(uow, waiting.handle, waiting.state):
            raise AnsweredMeanwhile

    def end(self, uow: UnitOfWork, waiting: Transaction) -> None:
        """In the write that decides that there is no code; a pushed request is over, too."""
        self.answer(uow, waiting)
        device = waiting.request.device
        if device is not None:
            device_codes.deny(uow, bytes.fromhex(device))
        asked = waiting.request.backchannel
        if asked is not None:
            backchannel_requests.deny(uow, bytes.fromhex(asked), self._runtime.clock.now())
        pushed = waiting.request.pushed
        if pushed is not None:
            pushed_requests.use(uow, bytes.fromhex(pushed), self._runtime.clock.now())

    def led(self, uow: UnitOfWork, waiting: Transaction, said: Sequence[str], place: str) -> str:
        """Keep where the answer led, in the same write; returns it."""
        sealed = self._runtime.keys.seal(_SEAL, place.encode(), waiting.handle)
        transaction.led(uow, waiting.handle, said, sealed)
        return place

    def place(self, found: Transaction, now: datetime) -> str | None:
        """Where it led, while what lies there can still be used."""
        if found.led_to is None:
            return None
        place = self._runtime.keys.open(_SEAL, found.led_to, found.handle).decode()
        code = parameters_of(place).get("code")
        if code is None:
            return place
        with self._runtime.database.read() as uow:
            issued = codes.find(uow, code)
        if issued is None or issued.redeemed_at is not None or issued.expires_at <= now:
            return None
        return place
