"""How often one may guess — AU-2, AU-3, X.1253 9.3-4: per account, per network, per known browser.

Every attempt is counted before its outcome is known and given back when it was right, so a wrong
one counts once, however many arrive together. A browser that has signed in to an account counts
apart: a stranger who guesses at a name shuts out strangers, not the person whose name it is.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from datetime import datetime

from foundation import opaque
from foundation.audit import SYSTEM, Audit
from foundation.database import UnitOfWork
from foundation.errors import TooManyRequests
from foundation.ground import Ground
from foundation.keys import Keys
from foundation.rates import Counted, Rates
from idp.login.settings import LoginSettings

ACCOUNT, SOURCE, NOTED, OPENED = "login-account", "login-source", "login-noted", "login-opened"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A counted attempt: what has to be given back if it was right."""

    account: str
    source: Counted


class Throttle:
    """Counts attempts, durably and across processes."""

    def __init__(self, ground: Ground, settings: LoginSettings) -> None:
        self._database = ground.database
        self._rates: Rates = ground.rates
        self._audit: Audit = ground.audit
        self._settings = settings

    def count(self, account: str, source: str, now: datetime, *, known: bool = False) -> Attempt:
        """Count one attempt; raises TooManyRequests, whose consequence goes on record.

        `known`: by a browser that signed in before, whom the wrong guesses of others, counted in
        networks that many parties share, do not slow down.
        """
        try:
            with self._database.write() as uow:
                counted = self._count_at(uow, source, now, shared=not known)
                self._rates.attempt(
                    uow,
                    ACCOUNT,
                    account,
                    self._settings.account_attempts,
                    self._settings.window,
                    now,
                )
        except TooManyRequests as full:
            by_account = full.detail == ACCOUNT
            # The network that is full, not each address in it, or a flood would fill the audit.
            self._note(account if by_account else full.key or source, str(full.detail), now)
            raise
        return Attempt(account, counted)

    def count_source(self, source: str, now: datetime) -> Counted:
        """Count a guess at something that has no account: a code, a passkey."""
        with self._database.write() as uow:
            return self._count_at(uow, source, now, shared=True)

    def count_opened(self, source: str, now: datetime) -> None:
        """Count a request that makes us store something, such as a challenge."""
        with self._database.write() as uow:
            limit = self._settings.source_attempts * 10
            self._rates.attempt_from(uow, OPENED, source, limit, self._settings.window, now)

    def wrong(self, uow: UnitOfWork, source: str, now: datetime) -> None:
        """The attempt was wrong: it counts in the networks that many share as well."""
        limit, window = self._settings.source_attempts, self._settings.window
        self._rates.wrong_from(uow, SOURCE, source, limit, window, now)

    def right(self, uow: UnitOfWork, attempt: Attempt) -> None:
        """The attempt was right: give the source its one back, forget the account's count.

        In the order in which they were counted, or two sign-ins at once would wait for each other.
        """
        self.source_right(uow, attempt.source)
        self._rates.forgive(uow, ACCOUNT, attempt.account)

    def source_right(self, uow: UnitOfWork, counted: Counted) -> None:
        self._rates.right_from(uow, counted)

    def _count_at(self, uow: UnitOfWork, source: str, now: datetime, *, shared: bool) -> Counted:
        limit, window = self._settings.source_attempts, self._settings.window
        return self._rates.attempt_from(uow, SOURCE, source, limit, window, now, shared=shared)

    def _note(self, key: str, bucket: str, now: datetime) -> None:
        """One event a window, not one a request: a flood must not fill the audit as well."""
        try:
            with self._database.write() as uow:
                self._rates.attempt(uow, NOTED, key, 1, self._settings.window, now)
                by = "account" if bucket == ACCOUNT else "source"
                self._audit.record(uow, "sign-in.locked", SYSTEM, (), {"by": by})
        except TooManyRequests:
            pass


class KnownBrowsers:
    """A cookie that says, unforgeably, that this browser once signed in to this name."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def mark(self, name_index: bytes) -> str:
        """A new mark for a browser that has just signed in."""
        random = opaque.secret(12)
        return f"{random}.{self._tag(random, name_index)}"

    def account_key(self, name_index: bytes, mark: str | None) -> str:
        """Which count an attempt belongs to: this browser's own, or that of all strangers."""
        random, _, tag = (mark or "").partition(".")
        known = random and hmac.compare_digest(tag.encode(), self._tag(random, name_index).encode())
        return f"{name_index.hex()}\0{random}" if known else name_index.hex()

    def _tag(self, random: str, name_index: bytes) -> str:
        mac = self._keys.mac("login-known-browser", random.encode() + b"\0" + name_index)
        return base64.urlsafe_b64encode(mac[:24]).decode()
