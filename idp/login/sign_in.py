"""Sign-in by password or passkey, and the step up to a higher level — ISO/IEC 29115 §8.4, §10.3."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NoReturn

from foundation.clock import Clock
from foundation.database import UnitOfWork
from foundation.errors import TooManyRequests
from foundation.runtime import Runtime
from idp.login import challenges, locks, store
from idp.login.authenticators import password
from idp.login.authenticators.passkey import (
    MODEL_REFUSED,
    Passkeys,
    Refused,
    credential_id_in,
    lookup_of,
)
from idp.login.authenticators.password import Passwords
from idp.login.credential import Credential
from idp.login.directory import Directory
from idp.login.establishing import Establishing, SignedIn, SignInRefused, best_use
from idp.login.failures import Failure
from idp.login.removals import Removals
from idp.login.session import Proof, Session
from idp.login.settings import LoginSettings
from idp.login.throttle import Attempt, KnownBrowsers, Throttle
from idp.login.visit import Visit
from idp.register import Subject, sign_in_name_as_written

__all__ = ["Asked", "SignIn", "SignInRefused", "SignedIn", "TooManyRequests"]

_NAME = "sign-in-name"


UNKNOWN = "unknown passkey"
LOCKED = "locked by its holder"


@dataclass(frozen=True, slots=True)
class Asked:
    """A challenge for the browser: ``options`` of WebAuthn §5.5, JSON form."""

    handle: str
    options: Mapping[str, Any]


class SignIn:
    """The ways in. Every way ends in ``Establishing.establish``."""

    def __init__(
        self,
        runtime: Runtime,
        settings: LoginSettings,
        directory: Directory,
        establishing: Establishing,
        passwords: Passwords,
        passkeys: Passkeys,
        throttle: Throttle,
        removals: Removals,
    ) -> None:
        self._removals = removals
        self._database = runtime.database
        self._clock: Clock = runtime.clock
        self._index: Callable[[str, str], bytes] = runtime.vault.index
        self._settings = settings
        self._directory = directory
        self._establishing = establishing
        self._passwords = passwords
        self._passkeys = passkeys
        self._throttle = throttle
        self.known = KnownBrowsers(runtime.keys)

    # ── password ──────────────────────────────────────────────────────────────────────

    def by_password(self, name: str, typed: str, visit: Visit, current: Session | None) -> SignedIn:
        """A session for name and password. Raises SignInRefused or TooManyRequests.

        An unknown name costs the same count and the same hash as a wrong password.
        """
        index = self.name_index(name)
        own = self.known.own(index, visit.known)
        attempt = self._throttle.count(index.hex(), visit.source, self._clock.now(), own=own)
        subject = self._directory.of_name(name)
        signed_in = self._with_password(subject, typed, visit, current, attempt, index.hex())
        return replace(signed_in, name_index=index)

    def step_up_by_password(self, typed: str, visit: Visit, current: Session) -> SignedIn:
        """Add a password to a session. Raises SignInRefused or TooManyRequests."""
        attempt = self._throttle.count(
            f"subject\0{current.subject.id}", visit.source, self._clock.now(), own=current.id
        )
        return self._with_password(
            current.subject, typed, visit, current, attempt, current.subject.id
        )

    def name_index(self, name: str) -> bytes:
        """What attempts at a name are counted under, whether anybody has it or not."""
        return self._index(_NAME, sign_in_name_as_written(name)[:254])

    def _with_password(
        self,
        subject: Subject | None,
        typed: str,
        visit: Visit,
        current: Session | None,
        attempt: Attempt,
        about: str,
    ) -> SignedIn:
        method = password.AUTHENTICATOR
        stored = None
        if subject is not None:
            with self._database.read() as uow:
                stored = store.password_of(uow, subject)
        if subject is None or stored is None:
            self._passwords.refuse(typed)
            self.fail(visit, Failure(about, subject, method, "unknown name or no password"))
        credential, sealed = stored
        if not self._passwords.verify(typed, sealed, credential.id):
            self.fail(visit, Failure(about, subject, method, "wrong password", credential.id))
        better = None
        if self._passwords.outdated(sealed, credential.id):
            better = self._passwords.hash(typed, credential.id)
        now = self._clock.now()
        proof = Proof(method, credential.id, now)

        def bind(uow: UnitOfWork) -> None:
            if not store.used(uow, credential.id, now):
                raise SignInRefused("the password was changed meanwhile")
            if better is not None:
                store.replace_secret(uow, credential.id, sealed, better)
            self._throttle.right(uow, attempt)

        return self.establish(visit, subject, proof, current, bind)

    # ── passkey ───────────────────────────────────────────────────────────────────────

    def ask_for_passkey(self, visit: Visit) -> Asked:
        """A challenge for any passkey of ours: each is discoverable, so no name is needed, and
        none is asked, since what a name has would tell who is here. Raises TooManyRequests."""
        now = self._clock.now()
        self._throttle.count_opened(visit.source, now)
        options, state = self._passkeys.request(())
        with self._database.write() as uow:
            handle = challenges.open_challenge(
                uow, "sign-in", visit.browser, state, now + self._settings.challenge
            )
        return Asked(handle, options)

    def ask_for_step_up(self, visit: Visit, current: Session) -> Asked:
        """A challenge for the passkeys of who is signed in."""
        now = self._clock.now()
        self._throttle.count_opened(visit.source, now)
        options, state = self._passkeys.request(self._passkeys_of(current.subject))
        with self._database.write() as uow:
            handle = challenges.open_challenge(
                uow,
                "step-up",
                visit.browser,
                state,
                now + self._settings.challenge,
                current.subject.id,
                current.id,
            )
        return Asked(handle, options)

    def by_passkey(
        self,
        handle: str,
        answer: Mapping[str, Any],
        visit: Visit,
        current: Session | None,
        step_up: bool = False,
    ) -> SignedIn:
        """A session for an answered challenge. Raises SignInRefused or TooManyRequests."""
        with self._database.write() as uow:
            taken = challenges.take(
                uow, handle, visit.browsers, "step-up" if step_up else "sign-in", self._clock.now()
            )
        if taken is None:
            self._fail_passkey(visit, "challenge unknown, used, stale or another browser's")
        if step_up and (current is None or taken.session_id != current.id):
            self._fail_passkey(visit, "another session's challenge")
        credential = self._credential(answer, visit)
        if step_up and credential.holder.id != taken.subject_id:
            self._fail_passkey(visit, "another person's passkey", answer, credential)
        try:
            asserted = self._passkeys.assertion(taken.state, answer, credential)
        except Refused as refused:
            reason = MODEL_REFUSED if refused.model else str(refused)[:200]
            self._fail_passkey(visit, reason, answer, credential)
        now = self._clock.now()
        proof = Proof(
            asserted.authenticator, credential.id, now, managed=credential.data["managed"]
        )

        def bind(uow: UnitOfWork) -> None:
            if not store.counted(uow, credential.id, asserted.counter, now):
                raise SignInRefused("the signature counter did not move on: perhaps a clone")
            self._removals.found_again(uow, credential.holder, credential.id, now)

        return self.establish(visit, credential.holder, proof, current, bind)

    def by_new_passkey(self, session: Session, made: Credential, visit: Visit) -> SignedIn:
        """The passkey that was made a moment ago, with its user verified, is a proof as well: who
        follows an invitation is not asked to use it at once (CM-5). Raises SignInRefused."""
        used = best_use(made)
        now = self._clock.now()
        proof = Proof(used.authenticator, made.id, now, managed=made.data["managed"])
        return self.establish(visit, made.holder, proof, session, lambda uow: None)

    def _credential(self, answer: Mapping[str, Any], visit: Visit) -> Credential:
        try:
            lookup = lookup_of(credential_id_in(answer))
        except Refused as refused:
            self._fail_passkey(visit, str(refused))
        with self._database.read() as uow:
            found = store.by_lookup(uow, lookup)
        if found is None:
            self._fail_passkey(visit, UNKNOWN, answer)
        return found

    def _passkeys_of(self, subject: Subject) -> list[Credential]:
        with self._database.read() as uow:
            return store.of_holder(uow, subject, "passkey")

    # ── both ──────────────────────────────────────────────────────────────────────────

    def establish(
        self,
        visit: Visit,
        subject: Subject,
        proof: Proof,
        current: Session | None,
        bind: Callable[[UnitOfWork], None],
    ) -> SignedIn:
        """A session with this proof; ``bind`` notes its use in the same unit of work. A refusal of
        either is put on record. Raises SignInRefused."""
        now: datetime = proof.at
        unseen = self._unseen(visit, subject, current)
        try:
            with self._database.write() as uow:
                bind(uow)
                if locks.stands(uow, proof.credential):
                    raise SignInRefused(LOCKED)
                signed_in = self._establishing.establish(
                    uow, visit, subject, proof, now, current=current
                )
                if unseen:
                    words = {
                        "device": visit.device,
                        "session": signed_in.session.id,
                        "credential": proof.credential,
                    }
                    self._directory.tell(uow, subject, "sign-in.new-browser", now, words)
                return signed_in
        except SignInRefused as refused:
            # The unit of work was rolled back; that it was refused must stay on record.
            with self._database.write() as uow:
                # Whoever gets here held the credential: that is counted apart from guesses.
                about = f"{refused.reason}\0{proof.credential}"
                failure = Failure(
                    about, subject, proof.authenticator, refused.reason, proof.credential
                )
                self._establishing.failed(uow, failure, now)
            raise

    def _unseen(self, visit: Visit, subject: Subject, current: Session | None) -> bool:
        """Whether nobody signed in as this subject in this browser before, as far as we can tell:
        its mark is ours to make, so a thief has none."""
        if not self._settings.tell_new_browsers:
            return False
        if current is not None and current.subject == subject:
            return False
        index = self.name_index(self._directory.name_of(subject))
        return not self.known.own(index, visit.known)

    def note(self, uow: UnitOfWork, failure: Failure, now: datetime) -> None:
        """Put a failure on record, in the caller's unit of work."""
        self._establishing.failed(uow, failure, now)

    def fail(self, visit: Visit, failure: Failure) -> NoReturn:
        """What was typed was wrong: on record, and counted. Raises SignInRefused."""
        with self._database.write() as uow:
            self._establishing.failed(uow, failure, self._clock.now())
            self._throttle.wrong(uow, visit.source, self._clock.now())
        raise SignInRefused(failure.reason)

    def _fail_passkey(
        self,
        visit: Visit,
        reason: str,
        answer: Mapping[str, Any] | None = None,
        credential: Credential | None = None,
    ) -> NoReturn:
        """Counted by what the answer named, whether that is a passkey of somebody or of nobody.

        Raises TooManyRequests where too many were wrong; who is right is never asked to wait.
        """
        self._throttle.count_wrong(visit.source, self._clock.now())
        about = "no passkey" if answer is None else lookup_of(credential_id_in(answer)).hex()
        holder = credential.holder if credential is not None else None
        named = credential.id if credential is not None else None
        with self._database.write() as uow:
            failure = Failure(about, holder, "passkey", reason, named)
            self._establishing.failed(uow, failure, self._clock.now())
        raise SignInRefused(reason)
