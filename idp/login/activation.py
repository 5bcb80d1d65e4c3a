"""Activation: from a code on paper, or an invitation, to a first sign-in — CM-3, CM-5, CM-6.

The code opens the set-up but is used up only in the unit of work that binds the password, so a
process that is killed before leaves a code that still works, and one killed after leaves a whole
identity: there is nothing in between (failures 4).
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass
from datetime import datetime

from foundation import opaque
from foundation.clock import recent
from foundation.database import UnitOfWork
from foundation.errors import BadRequest
from foundation.pages import N_, Mistakes
from foundation.runtime import Runtime
from foundation.sealing import CannotOpen
from idp.login import enrolments, store
from idp.login.authenticators import password, password_rules
from idp.login.authenticators.breached import BreachedPasswords
from idp.login.authenticators.password import Passwords
from idp.login.credential import PASSWORD, Credential
from idp.login.directory import Directory, Invited
from idp.login.establishing import Establishing, SignedIn, actor, persons
from idp.login.failures import Failure
from idp.login.session import Proof, Session
from idp.login.settings import LoginSettings
from idp.login.throttle import Throttle
from idp.login.visit import Visit
from idp.register import (
    CodeRefused,
    InvitationRefused,
    NameTaken,
    Subject,
    SubjectKind,
    WrongField,
    checked_sign_in_name,
    civil_number,
)

_PURPOSE = "login-set-up"
MOST_CODE = 200


class ChoiceRefused(Exception):
    """A name or password that cannot be chosen, and all else that is wrong with the choices."""

    def __init__(self, mistakes: Mistakes) -> None:
        super().__init__(", ".join(one.field for one in mistakes))
        self.mistakes = mistakes


class NameIsTaken(ChoiceRefused):
    """Somebody else has it."""

    def __init__(self, free: str) -> None:
        mistakes = Mistakes()
        mistakes.add("name", TAKEN, values={"free": free})
        super().__init__(mistakes)


@dataclass(frozen=True, slots=True)
class OpenSetUp:
    """A proven code, on its way from page to page inside a sealed cookie."""

    kind: SubjectKind
    code: str
    opened_at: datetime


class Activation:
    """Opens a set-up with a code, and completes it."""

    def __init__(
        self,
        runtime: Runtime,
        settings: LoginSettings,
        directory: Directory,
        establishing: Establishing,
        passwords: Passwords,
        throttle: Throttle,
    ) -> None:
        self._runtime = runtime
        self._clock = runtime.clock
        self._settings = settings
        self._directory = directory
        self._establishing = establishing
        self._passwords = passwords
        self._throttle = throttle

    def open(self, kind: SubjectKind, code: str, visit: Visit) -> str:
        """The sealed cookie of an opened set-up. Raises CodeRefused, InvitationRefused or
        TooManyRequests; nothing is said about the person before the code is proven."""
        now = self._clock.now()
        counted = self._throttle.count_source(visit.source, now)
        code = code.strip()[:MOST_CODE]
        try:
            with self._runtime.database.read() as uow:
                self._directory.peek(uow, kind, code, now)
        except (CodeRefused, InvitationRefused):
            with self._runtime.database.write() as uow:
                failure = Failure("a code", None, "activation", "code refused")
                self._establishing.failed(uow, failure, now)
                self._throttle.wrong(uow, visit.source, now)
            raise
        with self._runtime.database.write() as uow:
            self._throttle.source_right(uow, counted)
        return self._seal(OpenSetUp(kind, code, now), visit)

    def opened(self, cookie: str | None, visit: Visit) -> tuple[OpenSetUp, Invited] | None:
        """The set-up that this browser opened, as long as its code would still work."""
        now = self._clock.now()
        set_up = self._unseal(cookie, visit) if cookie else None
        if set_up is None or not recent(set_up.opened_at, self._settings.set_up, now):
            return None
        try:
            with self._runtime.database.read() as uow:
                return set_up, self._directory.peek(uow, set_up.kind, set_up.code, now)
        except (CodeRefused, InvitationRefused):
            return None

    def was_opened(self, cookie: str | None, visit: Visit) -> bool:
        """Whether this browser opened a set-up lately, whatever became of its code."""
        set_up = self._unseal(cookie, visit) if cookie else None
        return set_up is not None and self._clock.now() - set_up.opened_at <= self._settings.set_up

    def complete(
        self,
        set_up: OpenSetUp,
        invited: Invited,
        name: str,
        chosen: str,
        repeated: str,
        visit: Visit,
        current: Session | None,
        own_number: str = "",
    ) -> SignedIn:
        """Use the code up, claim the name, bind the password, activate, sign in: all or nothing.

        `own_number`: the civil number of an officer who is in the register themselves.
        Raises ChoiceRefused, CodeRefused when the code was used elsewhere meanwhile, or
        TooManyRequests when too many names of others were tried.
        """
        with self._runtime.database.read() as uow:
            words = self._directory.context_words(uow, invited.subject)
        if not invited.acts_on_persons:
            own_number = ""
        mistakes = _of_names(name, own_number)
        add_objections(
            mistakes, chosen, repeated, self._settings, self._passwords.breached, (*words, name)
        )
        if mistakes:
            raise ChoiceRefused(mistakes)
        credential_id = opaque.identifier("cred")
        sealed = self._passwords.hash(chosen, credential_id)
        now = self._clock.now()
        # Who has which name is told to who holds a code, a few times; it is on record.
        self._throttle.count_name(invited.subject.id, now)
        try:
            return self._complete(
                set_up, invited, name, credential_id, sealed, visit, current, own_number, now
            )
        except NameIsTaken:
            with self._runtime.database.write() as uow:
                concerned, by = persons(invited.subject), actor(invited.subject)
                self._runtime.audit.record(uow, "activation.name_taken", by, concerned, {})
            raise

    def _complete(
        self,
        set_up: OpenSetUp,
        invited: Invited,
        name: str,
        credential_id: str,
        sealed: bytes,
        visit: Visit,
        current: Session | None,
        own_number: str,
        now: datetime,
    ) -> SignedIn:
        with self._runtime.database.write() as uow:
            subject = self._directory.redeem(uow, set_up.kind, set_up.code, now)
            if invited.recovers:
                self._end_what_was_lost(uow, subject, now)
            try:
                self._directory.claim(uow, subject, name, anew=invited.recovers)
            except NameTaken as taken:
                free = f"{name.strip()[:240]}-{secrets.randbelow(9000) + 1000}"
                raise NameIsTaken(free) from taken
            if own_number.strip():
                self._directory.declare_own_number(uow, subject, own_number)
            store.end_all(uow, subject.id, now)
            credential = Credential(
                id=credential_id,
                holder=subject,
                kind=PASSWORD,
                label="",
                created_at=now,
                used_at=now,
            )
            store.add(uow, credential, sealed, None)
            self._runtime.audit.record(
                uow,
                "credential.added",
                actor(subject),
                persons(subject),
                {"credential": credential_id, "kind": PASSWORD, "by": "activation"},
            )
            self._directory.means_changed(uow, subject, now)
            if not invited.recovers:
                self._directory.tell(uow, subject, "identity.activated", now, at_activation=True)
            self._directory.activate(uow, subject, now)
            proof = Proof(password.AUTHENTICATOR, credential_id, now)
            return self._establishing.establish(
                uow, visit, subject, proof, now, current=current, activated=True
            )

    def _end_what_was_lost(self, uow: UnitOfWork, subject: Subject, now: datetime) -> None:
        """Whoever found or took the old means has nothing more of them, nor of what rests on them.

        The rows are locked first: what another request binds in this moment is seen and ends, too.
        """
        enrolments.end_all(uow, subject.id)
        for lost in store.of_holder(uow, subject, locked=True):
            details = {"credential": lost.id, "kind": lost.kind, "by": "recovery"}
            self._runtime.audit.record(
                uow, "credential.ended", actor(subject), persons(subject), details
            )
        self._establishing.sessions.end_all(uow, subject.id, "recovered", now)

    def _seal(self, set_up: OpenSetUp, visit: Visit) -> str:
        written = json.dumps([set_up.kind, set_up.code, set_up.opened_at.isoformat()])
        context = opaque.digest(visit.browser).hex()
        sealed = self._runtime.keys.seal(_PURPOSE, written.encode(), context)
        return base64.urlsafe_b64encode(sealed).decode()

    def _unseal(self, cookie: str, visit: Visit) -> OpenSetUp | None:
        for browser in visit.browsers:
            try:
                sealed = base64.urlsafe_b64decode(cookie.encode())
                context = opaque.digest(browser).hex()
                written = json.loads(self._runtime.keys.open(_PURPOSE, sealed, context))
            except (CannotOpen, ValueError):
                continue
            kind, code, opened_at = written
            return OpenSetUp(kind, code, datetime.fromisoformat(opened_at))
        return None


TAKEN = N_("This sign-in name cannot be used. Choose another one, such as %(free)s.")
UNFIT = N_(
    "A sign-in name has at least 3 letters or digits, or 2 characters of Chinese, Japanese or "
    "Korean. Dots, dashes and @ are fine; spaces are not."
)
NO_NUMBER = N_(
    "A civil number has 4 to 32 letters A–Z and digits; leave it empty if you have none."
)
DIFFERENT = N_("The two passwords are not the same.")


def add_objections(
    mistakes: Mistakes,
    chosen: str,
    repeated: str,
    settings: LoginSettings,
    breached: BreachedPasswords,
    words: tuple[str, ...],
    field: str = "password",
) -> None:
    """Why this password may not be chosen. `field`: what the form calls it."""
    least = settings.password_minimum
    message = password_rules.objection(chosen, least, breached, words)
    if message is not None:
        mistakes.add(field, message, values=password_rules.values(least))
    if password.prepared(chosen) != password.prepared(repeated):
        mistakes.add("repeated", DIFFERENT)


def _of_names(name: str, own_number: str) -> Mistakes:
    """What can be said of a name, and of an officer's own number, before anybody is looked up."""
    mistakes = Mistakes()
    try:
        checked_sign_in_name(name)
    except BadRequest:
        mistakes.add("name", UNFIT)
    if own_number.strip():
        try:
            civil_number(own_number)
        except WrongField:
            mistakes.add("own_number", NO_NUMBER)
    return mistakes
