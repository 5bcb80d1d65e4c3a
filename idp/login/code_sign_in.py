"""A code beside what was shown before: of an app, a card, or for recovery — RFC 6238, AU-1, AU-8.

It is a proof like any other: the ceilings table says what it adds. A recovery code adds no level;
with it, and something that signs in, one may change how one signs in.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from foundation.database import UnitOfWork
from foundation.runtime import Runtime
from idp.login import locks, store
from idp.login.authenticators.code_lists import FEW, CodeLists, left, without
from idp.login.authenticators.totp import AuthenticatorApps
from idp.login.credential import CODE_CARD, RECOVERY_CODES, TOTP, Credential, Kind
from idp.login.directory import Directory
from idp.login.establishing import SignedIn, SignInRefused, best_use
from idp.login.failures import Failure
from idp.login.removals import Removals
from idp.login.session import Proof, Session
from idp.login.sign_in import SignIn
from idp.login.throttle import Throttle
from idp.login.visit import Visit
from idp.register import Subject

WRONG, USED = "wrong code", "code used already"
Look = Callable[[Credential, bytes, str, datetime], "Callable[[UnitOfWork], bool] | None"]


class CodeSignIn:
    """One more proof for a session. Each code works once, however many processes see it."""

    def __init__(
        self,
        runtime: Runtime,
        directory: Directory,
        sign_in: SignIn,
        throttle: Throttle,
        removals: Removals,
        apps: AuthenticatorApps,
        lists: CodeLists,
    ) -> None:
        self._database = runtime.database
        self._clock = runtime.clock
        self._directory = directory
        self._sign_in = sign_in
        self._throttle = throttle
        self._removals = removals
        self._apps = apps
        self._lists = lists
        self._looks: dict[Kind, Look] = {
            TOTP: self._of_app,
            CODE_CARD: self._of_card,
            RECOVERY_CODES: self._of_recovery,
        }

    def asked(self, subject: Subject) -> int | None:
        """The number of the code that is asked for from the card of this person."""
        with self._database.read() as uow:
            found = store.secret_of(uow, subject, CODE_CARD)
        return None if found is None else self._lists.asked(found[0].id, found[0].counter)

    def prove(self, kind: str, typed: str, visit: Visit, current: Session) -> SignedIn:
        """Add a code to a session. Raises SignInRefused (WRONG, USED) or TooManyRequests."""
        subject = current.subject
        look = next((look for one, look in self._looks.items() if one == kind), None)
        found = None
        if look is not None:
            with self._database.read() as uow:
                found = next(
                    (store.secret_of(uow, subject, one) for one in self._looks if one == kind), None
                )
        if look is None or found is None:
            raise SignInRefused("there is no such means")
        credential, secret = found
        now = self._clock.now()
        attempt = self._throttle.count_code(credential.id, visit.source, now)
        if attempt.slowed:
            self._tell_of_guesses(credential, now)
        spend = look(credential, secret, typed, now)
        about = f"{subject.id}\0{credential.id}"
        if spend is None:
            self._sign_in.fail(visit, Failure(about, subject, kind, WRONG, credential.id))
        used = best_use(credential)
        proof = Proof(used.authenticator, credential.id, now, managed=used.managed)

        def bind(uow: UnitOfWork) -> None:
            if not spend(uow):
                raise SignInRefused(USED)
            self._removals.found_again(uow, subject, credential.id, now)
            self._note(uow, credential, secret, now)
            self._throttle.code_right(uow, attempt)

        return self._sign_in.establish(visit, subject, proof, current, bind)

    def confirm(
        self, subject: Subject, kind: str, typed: str, source: str
    ) -> Literal["right", "wrong", "locked"]:
        """Whether a code is that of a person, asked by a service in front of which they stand; no
        session comes of it. The code is used up. Raises TooManyRequests.

        A means that its holder locked says so only where the code was right.
        """
        now = self._clock.now()
        looks = {one: look for one, look in self._looks.items() if one in (TOTP, CODE_CARD)}
        chosen = next((one for one in looks if one == kind), None)
        with self._database.read() as uow:
            found = store.secret_of(uow, subject, chosen) if chosen is not None else None
        if chosen is None or found is None:
            return "wrong"
        credential, secret = found
        attempt = self._throttle.count_code(credential.id, source, now)
        if attempt.slowed:
            self._tell_of_guesses(credential, now)
        spend = looks[chosen](credential, secret, typed, now)
        with self._database.write() as uow:
            if spend is None or not spend(uow):
                self._throttle.wrong(uow, source, now)
                return "wrong"
            self._throttle.code_right(uow, attempt)
            self._note(uow, credential, secret, now)
            return "locked" if locks.stands(uow, credential.id) else "right"

    # ── each kind: what uses its code up, or None for a wrong one ─────────────────────

    def _of_app(
        self, credential: Credential, secret: bytes, typed: str, now: datetime
    ) -> Callable[[UnitOfWork], bool] | None:
        step = self._apps.step(typed, secret, credential.id, now)
        if step is None:
            return None
        # RFC 6238 §5.2: the statement itself asks that the step is a later one than the last.
        return lambda uow: store.counted(uow, credential.id, step, now)

    def _of_card(
        self, credential: Credential, secret: bytes, typed: str, now: datetime
    ) -> Callable[[UnitOfWork], bool] | None:
        number = self._lists.asked(credential.id, credential.counter)
        if number is None or not self._lists.is_on_card(credential.id, secret, number, typed):
            return None
        rest = without(secret, number)
        return lambda uow: store.spend(uow, credential.id, secret, rest, now)

    def _of_recovery(
        self, credential: Credential, secret: bytes, typed: str, now: datetime
    ) -> Callable[[UnitOfWork], bool] | None:
        number = self._lists.place_of(credential.id, secret, typed)
        if number is None:
            return None
        rest = without(secret, number)
        return lambda uow: store.spend(uow, credential.id, secret, rest, now)

    def _note(self, uow: UnitOfWork, used: Credential, secret: bytes, now: datetime) -> None:
        """What the owner should know: a recovery code was used, or a card comes to its end."""
        if used.kind == RECOVERY_CODES:
            words = {"left": str(left(secret) - 1)}
            self._directory.tell(uow, used.holder, "recovery-code.used", now, words)
        elif used.kind == CODE_CARD and left(secret) - 1 == FEW:
            self._directory.tell(uow, used.holder, "card.few-left", now, {"left": str(FEW)})

    def _tell_of_guesses(self, credential: Credential, now: datetime) -> None:
        with self._database.write() as uow:
            if self._throttle.first_guessed(uow, credential.id, now):
                self._directory.tell(uow, credential.holder, "codes.guessed", now)
