"""A person's own credentials: see, change, add, remove — ISO/IEC 29115 CM-6, CM-8, CM-9.

Every change needs the strongest means that is bound, proven within ``RECENT``, and no change raises
what the person can reach: a passkey counts as high as the session that bound it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError

from foundation import opaque
from foundation.clock import recent
from foundation.database import UnitOfWork
from foundation.errors import Conflict, Forbidden, NotFound
from foundation.marking import N_
from foundation.pages import Mistakes
from foundation.runtime import Runtime
from idp.login import challenges, locks, store
from idp.login.activation import ChoiceRefused, add_objections
from idp.login.authenticators.passkey import Passkeys, Refused
from idp.login.authenticators.password import Passwords
from idp.login.credential import PASSKEY, PASSWORD, Credential
from idp.login.directory import Directory
from idp.login.establishing import SignInRefused, actor, persons
from idp.login.failures import Failure, Failures
from idp.login.removals import Removal, Removals
from idp.login.session import HIGHEST, Session
from idp.login.sessions import Living, Sessions
from idp.login.settings import LoginSettings
from idp.login.sign_in import Asked
from idp.login.strongest import RECENT, Strongest
from idp.login.throttle import Throttle
from idp.login.visit import Visit
from idp.register import Notice, Subject

MOST_PASSKEYS = 20
MOST_LABEL = 80
_LABEL = "login-credential-label"


_HEARD = frozenset(
    {"credential.added", "credential.changed", "credential.ended", "credential.locked"}
)
"""After these, services that were let in before are asked about."""


class ProveAgain(Forbidden):
    """The session has not shown the strongest means that is bound, or too long ago."""

    def __init__(self) -> None:
        super().__init__(
            "Before you change how you sign in, show once more that it is you.",
            next_step="Use your passkey, or the password if you have none; then change it.",
        )


class Management:
    """Credentials of the subject of a session; never of anybody else."""

    def __init__(
        self,
        runtime: Runtime,
        settings: LoginSettings,
        directory: Directory,
        sessions: Sessions,
        passwords: Passwords,
        passkeys: Passkeys,
        throttle: Throttle,
        strongest: Strongest,
        failures: Failures,
        removals: Removals,
    ) -> None:
        self._failures = failures
        self._removals = removals
        self._strongest = strongest
        self._database = runtime.database
        self._clock = runtime.clock
        self._keys = runtime.keys
        self._audit = runtime.audit
        self._settings = settings
        self._directory = directory
        self._sessions = sessions
        self._passwords = passwords
        self._passkeys = passkeys
        self._throttle = throttle

    def list(self, subject: Subject) -> tuple[Credential, ...]:
        """The active credentials, oldest first."""
        with self._database.read() as uow:
            bound = store.of_holder(uow, subject)
        return tuple(replace(one, label=self._label(one)) for one in bound)

    def may_change(self, session: Session) -> bool:
        """Whether the session has shown, lately, the strongest means that is bound."""
        with self._database.read() as uow:
            bound = store.of_holder(uow, session.subject)
        return self._strongest.is_proven(session, bound, self._clock.now())

    def at_activation(self, session: Session) -> bool:
        """Whether a passkey that is bound now counts in full: the code reached the person on a
        verified channel, minutes ago (CM-5)."""
        began = session.ends_at - self._settings.lifetime
        return session.activated and recent(began, self._settings.set_up, self._clock.now())

    def binding_level(self, session: Session) -> int:
        """Up to which level counts what is bound now: that of the session, in which more was shown
        for this alone, or all in the minutes after the activation."""
        if self.at_activation(session):
            return HIGHEST
        now = self._clock.now()
        fresh = [proof for proof in session.proofs if recent(proof.at, RECENT, now)]
        return max(session.level, self._strongest.binding(fresh))

    def change_password(
        self, session: Session, present: str, chosen: str, repeated: str, source: str
    ) -> None:
        """Replace the password, by proof of the present one (CM-9); other sessions end.

        Raises ProveAgain (a passkey is bound, and was not shown), SignInRefused (the present
        password is wrong), ChoiceRefused, TooManyRequests.
        """
        subject = session.subject
        with self._database.read() as uow:
            self.require_strongest(uow, session, else_present_password=True)
        attempt = self._throttle.count(
            f"subject\0{subject.id}", source, self._clock.now(), own=session.id
        )
        with self._database.read() as uow:
            stored = store.password_of(uow, subject)
        if stored is None:
            raise SignInRefused("there is no password to change")
        old, sealed = stored
        if not self._passwords.verify(present, sealed, old.id):
            failure = Failure(subject.id, subject, PASSWORD, "wrong password", old.id)
            with self._database.write() as uow:
                self._failures.note(uow, failure, self._clock.now())
                self._throttle.wrong(uow, source, self._clock.now())
            raise SignInRefused("wrong password")
        with self._database.write() as uow:
            # A new password that will not do is no wrong guess at the present one.
            self._throttle.right(uow, attempt)
        mistakes = self.objections(session, chosen, repeated)
        if mistakes:
            raise ChoiceRefused(mistakes)
        credential_id = opaque.identifier("cred")
        fresh = self._passwords.hash(chosen, credential_id)
        now = self._clock.now()
        new = Credential(
            id=credential_id,
            holder=subject,
            kind=PASSWORD,
            label="",
            created_at=now,
            used_at=now,
        )
        with self._database.write() as uow:
            self.require_strongest(uow, session, now, else_present_password=True)
            if not store.end(uow, subject, old.id, now):
                raise SignInRefused("the password was changed meanwhile")
            store.add(uow, new, fresh, None)
            self._sessions.end_all(uow, subject.id, "password changed", now, but=session.id)
            details = {"credential": new.id, "kind": PASSWORD, "replaces": old.id}
            self.record(uow, "credential.changed", subject, details)

    def objections(self, session: Session, chosen: str, repeated: str) -> Mistakes:
        """Why this password may not be chosen; beside a wrong present one, to say all at once."""
        mistakes = Mistakes()
        with self._database.read() as uow:
            words = self._directory.context_words(uow, session.subject)
        add_objections(
            mistakes,
            chosen,
            repeated,
            self._settings,
            self._passwords.breached,
            words,
            "chosen",
        )
        return mistakes

    def passkeys_known(self, subject: Subject) -> dict[str, Any]:
        """For the browser of who is signed in: which of their passkeys count."""
        with self._database.read() as uow:
            return self._passkeys.known_of(subject, store.of_holder(uow, subject, "passkey"))

    # ── passkeys ──────────────────────────────────────────────────────────────────────

    def ask_for_new_passkey(self, session: Session, visit: Visit) -> Asked:
        """Options to make a passkey; raises ProveAgain, Conflict or TooManyRequests."""
        now = self._clock.now()
        self._throttle.count_opened(visit.source, now)
        with self._database.read() as uow:
            self.require_strongest(uow, session)
            bound = store.of_holder(uow, session.subject, PASSKEY)
        if len(bound) >= MOST_PASSKEYS:
            raise Conflict(
                N_("There are %(most_passkeys)s passkeys already.", most_passkeys=MOST_PASSKEYS),
                next_step="Remove one that you no longer use.",
            )
        name = self._directory.name_of(session.subject)
        options, state = self._passkeys.creation(session.subject, name, bound)
        with self._database.write() as uow:
            handle = challenges.open_challenge(
                uow,
                "register",
                visit.browser,
                state,
                now + self._settings.challenge,
                session.subject.id,
                session.id,
            )
        return Asked(handle, options)

    def add_passkey(
        self, session: Session, handle: str, answer: Mapping[str, Any], label: str, visit: Visit
    ) -> Credential:
        """Bind the passkey that answers the challenge; raises ProveAgain, Refused, Conflict."""
        now = self._clock.now()
        with self._database.read() as uow:
            self.require_strongest(uow, session)
        with self._database.write() as uow:
            taken = challenges.take(uow, handle, visit.browsers, "register", now)
        if taken is None or taken.session_id != session.id:
            raise Refused("registration: challenge unknown, used, stale or another session's")
        made = self._passkeys.register(taken.state, answer)
        managed = self.binding_level(session)
        credential_id = opaque.identifier("cred")
        credential = Credential(
            id=credential_id,
            holder=session.subject,
            kind=PASSKEY,
            label="",
            created_at=now,
            used_at=None,
            counter=made.counter,
            data={
                **made.data,
                "managed": managed,
                "label": self.sealed_label(label, credential_id),
            },
        )
        try:
            with self._database.write() as uow:
                self.require_strongest(uow, session, now)
                store.add(uow, credential, None, made.lookup)
                details = {"credential": credential.id, "kind": PASSKEY, "managed": managed}
                begun = self.at_activation(session)
                self.record(uow, "credential.added", session.subject, details, begun)
        except IntegrityError as error:
            raise Conflict(
                "This passkey is bound already.", next_step="Use it to sign in."
            ) from error
        return credential

    def remove(self, session: Session, credential_id: str) -> None:
        """End one credential, not the last; sessions that rest on it end, this one stays.

        Raises ProveAgain, NotFound or Conflict.
        """
        subject, now = session.subject, self._clock.now()
        with self._database.write() as uow:
            bound = self.require_strongest(uow, session, now)
            if credential_id not in {credential.id for credential in bound}:
                raise NotFound("There is no such credential.", where="credential")
            if not any(one.begins for one in bound if one.id != credential_id):
                raise Conflict(
                    "This is your only way to sign in.",
                    next_step="Add another one first, then remove this one.",
                )
            store.end(uow, subject, credential_id, now)
            self._sessions.end_all(uow, subject.id, "credential removed", now, but=session.id)
            self.record(uow, "credential.ended", subject, {"credential": credential_id})

    # ── locks, and sessions elsewhere ─────────────────────────────────────────────────

    def lock(self, session: Session, credential_id: str) -> None:
        """A means opens nothing until its owner takes that back; all sessions but this one end.

        Whoever shows any means lately may: a telephone that was stolen is locked with what is left.
        It still counts for what has to be shown to change how one signs in, so nobody gains by it.
        Raises ProveAgain, NotFound, or Conflict for the only one that begins a session.
        """
        now = self._clock.now()
        with self._database.write() as uow:
            bound = self._own(uow, session, now)
            if credential_id not in {one.id for one in bound}:
                raise NotFound("There is no such credential.", where="credential")
            if credential_id in {one.id for one in bound if one.locked}:
                return  # pressed twice
            if not any(one.begins and one.opens for one in bound if one.id != credential_id):
                raise Conflict(
                    "This is your only way to sign in.",
                    next_step="Add another one first, then lock this one.",
                )
            self._lock(uow, session, credential_id, now)

    def unlock(self, session: Session, credential_id: str) -> None:
        """Take it back, by the strongest of what is not locked. Raises ProveAgain or NotFound."""
        now = self._clock.now()
        with self._database.write() as uow:
            bound = store.of_holder(uow, session.subject, locked=True)
            if credential_id not in {one.id for one in bound}:
                raise NotFound("There is no such credential.", where="credential")
            if credential_id not in {one.id for one in bound if one.locked}:
                return  # pressed twice
            opening = [one for one in bound if one.opens]
            alive = self._sessions.alive(uow, session.id, now)
            if not alive or not self._strongest.is_proven(session, opening, now):
                raise ProveAgain
            locks.remove(uow, credential_id, now)
            details = {"credential": credential_id}
            self.record(uow, "credential.unlocked", session.subject, details)

    def was_not_me(self, session: Session, notice_id: str) -> None:
        """Somebody else signed in: that session ends with all but this one, and what it was opened
        with is locked, be it the only means there is. Raises NotFound."""
        now = self._clock.now()
        with self._database.write() as uow:
            told = self._directory.unseen(uow, session.subject)
            found = next((one for one in told if one.id == notice_id), None)
            # Whoever is in that very session does not decide what becomes of the others.
            if found is None or found.words.get("session") in (None, session.id):
                raise NotFound("There is no such notice.", where="notice")
            if not self._sessions.alive(uow, session.id, now):
                raise ProveAgain
            credential_id = found.words["credential"]
            if credential_id in {one.id for one in store.of_holder(uow, session.subject)}:
                self._lock(uow, session, credential_id, now)
            else:
                self._sessions.end_all(uow, session.subject.id, "not me", now, but=session.id)

    def living(self, session: Session) -> Sequence[Living]:
        """Where the subject is signed in."""
        with self._database.read() as uow:
            return self._sessions.living(uow, session.subject, self._clock.now())

    def end_session(self, session: Session, session_id: str) -> None:
        """End one session of one's own, and what rests on it. Raises NotFound."""
        now = self._clock.now()
        with self._database.write() as uow:
            mine = {one.session.id for one in self._sessions.living(uow, session.subject, now)}
            if session_id not in mine:
                raise NotFound("That session has ended already.", where="session")
            self._sessions.end(uow, session_id, "ended by its owner", now)
            details = {"session": session_id}
            self._audit.record(
                uow, "session.ended", actor(session.subject), persons(session.subject), details
            )

    def _own(self, uow: UnitOfWork, session: Session, now: datetime) -> Sequence[Credential]:
        """What is bound, for who has shown any of it lately; raises ProveAgain."""
        bound = store.of_holder(uow, session.subject, locked=True)
        alive = self._sessions.alive(uow, session.id, now)
        if not alive or not self._strongest.is_fresh(session, bound, now):
            raise ProveAgain
        return bound

    def _lock(self, uow: UnitOfWork, session: Session, credential_id: str, now: datetime) -> None:
        locks.add(uow, credential_id, now)
        self._sessions.end_all(uow, session.subject.id, "locked", now, but=session.id)
        self.record(uow, "credential.locked", session.subject, {"credential": credential_id})

    # ── a lost means, and what the person was told ────────────────────────────────────

    def ask_removal(self, session: Session, credential_id: str) -> Removal:
        """Say that a credential is lost, by a fresh proof of another one; it ends after a delay.

        Raises ProveAgain, NotFound, Conflict or TooManyRequests.
        """
        now = self._clock.now()
        with self._database.write() as uow:
            bound = store.of_holder(uow, session.subject, locked=True)
            if credential_id not in {credential.id for credential in bound}:
                raise NotFound("There is no such credential.", where="credential")
            others = [credential for credential in bound if credential.id != credential_id]
            alive = self._sessions.alive(uow, session.id, now)
            if not alive or not self._strongest.is_fresh(session, others, now):
                raise ProveAgain
            return self._removals.ask(uow, session, credential_id, now)

    def stop_removal(self, session: Session, removal_id: str) -> None:
        """Keep what was said to be lost; raises ProveAgain or NotFound."""
        now = self._clock.now()
        with self._database.write() as uow:
            self.require_strongest(uow, session, now)
            self._removals.stop(uow, session.subject, removal_id, now)

    def removals(self, subject: Subject) -> Sequence[Removal]:
        """What is to be removed, if nobody stops it."""
        with self._database.read() as uow:
            return self._removals.of(uow, subject)

    def notices(self, subject: Subject) -> Sequence[Notice]:
        """What the subject has not seen yet of what was changed."""
        with self._database.read() as uow:
            return self._directory.unseen(uow, subject)

    def notices_seen(self, session: Session) -> None:
        """They know. A thief of the password hides nothing so: raises ProveAgain."""
        now = self._clock.now()
        with self._database.write() as uow:
            self.require_strongest(uow, session, now)
            self._directory.seen(uow, session.subject, now)

    def sealed_label(self, label: str, credential_id: str) -> str:
        """The name that its owner gave a credential, as it is kept."""
        # People call a passkey after themselves: their words are kept like a name.
        text = " ".join(label.split())[:MOST_LABEL]
        return base64.b64encode(self._keys.seal(_LABEL, text.encode(), credential_id)).decode()

    def _label(self, credential: Credential) -> str:
        sealed = credential.data.get("label")
        if sealed is None:
            return credential.label
        return self._keys.open(_LABEL, base64.b64decode(sealed), credential.id).decode()

    def require_strongest(
        self,
        uow: UnitOfWork,
        session: Session,
        writing_at: datetime | None = None,
        else_present_password: bool = False,
    ) -> Sequence[Credential]:
        """What is bound; raises ProveAgain without a fresh proof of the strongest of it.

        ``writing_at``: in the unit of work of the change itself the rows stay locked, and the
        session must live still: what another request bound or ended meanwhile counts.
        ``else_present_password``: it was typed for this very change, and is a proof itself.
        """
        bound = store.of_holder(uow, session.subject, locked=writing_at is not None)
        if writing_at is not None and not self._sessions.alive(uow, session.id, writing_at):
            raise ProveAgain
        typed = else_present_password and all(one.kind == PASSWORD for one in bound)
        if not typed and not self._strongest.is_proven(session, bound, self._clock.now()):
            raise ProveAgain
        return bound

    def record(
        self,
        uow: UnitOfWork,
        kind: str,
        subject: Subject,
        details: Mapping[str, Any],
        at_activation: bool = False,
    ) -> None:
        """On record, and told outside of the session, in the unit of work of the change."""
        self._audit.record(uow, kind, actor(subject), persons(subject), details)
        if kind in _HEARD:
            self._directory.means_changed(uow, subject, self._clock.now())
        self._directory.tell(uow, subject, kind, self._clock.now(), at_activation=at_activation)
