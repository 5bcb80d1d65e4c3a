"""How often one may guess — AU-2, AU-3, X.1253 9.3-4: per name and network, per known browser.

Every attempt is counted before its outcome is known and given back when it was right, so a wrong
one counts once, however many arrive together. Wrong guesses at a name shut out the network that
they come from, and no other. When very many networks guess at one name, each has a few attempts
left instead of many: that slows down who guesses, and never shuts out whose name it is, who comes
with a network, a browser that is known, or a passkey of their own. A passkey is not locked at all:
only answers that were wrong are counted, and a right one is never asked to wait.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from foundation import networks, opaque
from foundation.audit import SYSTEM, Audit
from foundation.database import UnitOfWork
from foundation.errors import TooManyRequests
from foundation.keys import Keys
from foundation.rates import Counted, Rates
from foundation.runtime import Runtime
from idp.login.settings import LoginSettings

ACCOUNT, SOURCE, NOTED, OPENED = "login-account", "login-source", "login-noted", "login-opened"
NAME, SLOWED, TAKEN = "login-name", "login-name-slowed", "login-name-taken"
CODE, CODE_DAY, CODE_SLOWED = "login-code", "login-code-day", "login-code-slowed"
GUESSED, _A_DAY = "login-code-guessed", timedelta(days=1)
LOST, _AN_HOUR = "login-lost", timedelta(hours=1)
SLOW = 2
"""Attempts of one network at a name in a window, while very many others guess at it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A counted attempt at an account: what has to be given back if it was right."""

    account: str
    own: str
    source: Counted
    slowed: bool


class Throttle:
    """Counts attempts, durably and across processes."""

    def __init__(self, runtime: Runtime, settings: LoginSettings) -> None:
        self._database = runtime.database
        self._rates: Rates = runtime.rates
        self._audit: Audit = runtime.audit
        self._settings = settings

    def count(self, account: str, source: str, now: datetime, *, own: str = "") -> Attempt:
        """Count one attempt; raises TooManyRequests, whose consequence goes on record.

        `own`: the mark of a browser that signed in before, or the session in which it is; whom
        the wrong guesses of others, from wherever they come, do not slow down.
        """
        party = f"own {own}" if own else networks.party(source)
        key = f"{account}\0{party}"
        limits = self._settings
        slowed = False
        try:
            with self._database.write() as uow:
                counted = self._count_at(uow, source, now, shared=not own)
                self._rates.attempt(uow, ACCOUNT, key, limits.account_attempts, limits.window, now)
                if not own:
                    slowed = self._slowed(uow, account, key, now)
        except TooManyRequests as full:
            by_account = full.detail in (ACCOUNT, SLOWED)
            # The name or the network that is full, not each address, or a flood would fill the
            # audit.
            self._note(account if by_account else full.key or source, by_account, now)
            raise
        return Attempt(account, key, counted, slowed)

    def _slowed(self, uow: UnitOfWork, account: str, key: str, now: datetime) -> bool:
        """Count at the name itself, over all networks; when that is full, few are left to each."""
        most, window = self._settings.name_attempts, self._settings.window
        try:
            self._rates.attempt(uow, NAME, account, most, window, now)
        except TooManyRequests:
            self._rates.attempt(uow, SLOWED, key, SLOW, window, now)
            return True
        return False

    def count_code(self, credential_id: str, source: str, now: datetime) -> Attempt:
        """Count one code of an app or a list, typed by who has shown something else before.

        Few digits are guessed fast, and whoever guesses has the password, with it as many sessions
        and known browsers as they like: so each network has few attempts, and all together few a
        day, beyond which each has two a window still. Raises TooManyRequests.
        """
        key = f"{credential_id}\0{networks.party(source)}"
        limits, slowed = self._settings, False
        try:
            with self._database.write() as uow:
                counted = self._count_at(uow, source, now, shared=True)
                self._rates.attempt(uow, CODE, key, limits.code_attempts, limits.window, now)
                most = limits.code_attempts_a_day
                try:
                    self._rates.attempt(uow, CODE_DAY, credential_id, most, _A_DAY, now)
                except TooManyRequests:
                    self._rates.attempt(uow, CODE_SLOWED, key, SLOW, limits.window, now)
                    slowed = True
        except TooManyRequests as full:
            by_account = full.detail in (CODE, CODE_SLOWED)
            self._note(credential_id if by_account else full.key or source, by_account, now)
            raise
        return Attempt(credential_id, key, counted, slowed)

    def code_right(self, uow: UnitOfWork, attempt: Attempt) -> None:
        """The code was right: in the order in which they were counted."""
        self.source_right(uow, attempt.source)
        self._rates.forgive(uow, CODE, attempt.own)
        if attempt.slowed:
            self._rates.forgive(uow, CODE_SLOWED, attempt.own)
        else:
            most = self._settings.code_attempts_a_day
            self._rates.give_back(uow, CODE_DAY, attempt.account, most, _A_DAY)

    def first_guessed(self, uow: UnitOfWork, credential_id: str, now: datetime) -> bool:
        """Whether its owner was not told yet, today, that somebody guesses at its codes."""
        try:
            self._rates.attempt(uow, GUESSED, credential_id, 1, _A_DAY, now)
        except TooManyRequests:
            return False
        return True

    def count_source(self, source: str, now: datetime) -> Counted:
        """Count a guess at something that has no account: a code."""
        with self._database.write() as uow:
            return self._count_at(uow, source, now, shared=True)

    def count_wrong(self, source: str, now: datetime) -> None:
        """Count an answer of a passkey that was wrong; raises TooManyRequests."""
        limit, window = self._settings.source_attempts, self._settings.window
        self._rates.check_wrong(SOURCE, source, limit, window, now)

    def count_name(self, subject_id: str, now: datetime) -> None:
        """Count a sign-in name that is chosen at activation, before it is known to be taken."""
        limit = self._settings.name_choices
        self._rates.check(TAKEN, subject_id, limit, self._settings.name_window, now)

    def count_opened(self, source: str, now: datetime) -> None:
        """Count a request that makes us store something, such as a challenge."""
        with self._database.write() as uow:
            limit = self._settings.source_attempts * 10
            self._rates.attempt_from(uow, OPENED, source, limit, self._settings.window, now)

    def count_asked(self, source: str, now: datetime) -> None:
        """Count somebody who says to have lost everything, whoever they name: all count alike."""
        self._rates.check_wrong(LOST, source, self._settings.lost_requests, _AN_HOUR, now)

    def wrong(self, uow: UnitOfWork, source: str, now: datetime) -> None:
        """The attempt was wrong: it counts in the networks that many share as well."""
        limit, window = self._settings.source_attempts, self._settings.window
        self._rates.wrong_from(uow, SOURCE, source, limit, window, now)

    def right(self, uow: UnitOfWork, attempt: Attempt) -> None:
        """The attempt was right: give the source its one back, forget the account's count.

        In the order in which they were counted, or two sign-ins at once would wait for each other.
        """
        self.source_right(uow, attempt.source)
        self._rates.forgive(uow, ACCOUNT, attempt.own)
        if attempt.slowed:
            self._rates.forgive(uow, SLOWED, attempt.own)
        elif not attempt.own.startswith(f"{attempt.account}\0own "):
            most, window = self._settings.name_attempts, self._settings.window
            self._rates.give_back(uow, NAME, attempt.account, most, window)

    def source_right(self, uow: UnitOfWork, counted: Counted) -> None:
        self._rates.right_from(uow, counted)

    def _count_at(self, uow: UnitOfWork, source: str, now: datetime, *, shared: bool) -> Counted:
        limit, window = self._settings.source_attempts, self._settings.window
        return self._rates.attempt_from(uow, SOURCE, source, limit, window, now, shared=shared)

    def _note(self, key: str, by_account: bool, now: datetime) -> None:
        """One event a window, not one a request: a flood must not fill the audit as well."""
        try:
            with self._database.write() as uow:
                self._rates.attempt(uow, NOTED, key, 1, self._settings.window, now)
                by = "account" if by_account else "source"
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

    def own(self, name_index: bytes, mark: str | None) -> str:
        """What the attempts of this browser at this name count under; empty for a stranger."""
        random, _, tag = (mark or "").partition(".")
        known = random and hmac.compare_digest(tag.encode(), self._tag(random, name_index).encode())
        return random if known else ""

    def _tag(self, random: str, name_index: bytes) -> str:
        mac = self._keys.mac("login-known-browser", random.encode() + b"\0" + name_index)
        return base64.urlsafe_b64encode(mac[:24]).decode()
