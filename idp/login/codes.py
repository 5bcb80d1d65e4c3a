"""Authenticator apps, code cards and recovery codes of a person — CM-3, CM-5, CM-6, CM-9.

All are for citizens: what opens the work of staff cannot be read out to somebody on the telephone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup

from foundation import opaque
from foundation.database import UnitOfWork
from foundation.errors import Forbidden, Gone
from foundation.runtime import Runtime
from foundation.settings import Jurisdiction
from idp.login import enrolments, store
from idp.login.authenticators.code_lists import FEW, CodeLists, Printed, left, without
from idp.login.authenticators.totp import STEP, AuthenticatorApps
from idp.login.credential import CODE_CARD, RECOVERY_CODES, TOTP, Credential, Kind
from idp.login.directory import Directory
from idp.login.enrolments import Enrolment
from idp.login.management import Management
from idp.login.session import Session
from idp.login.sessions import Sessions
from idp.login.settings import LoginSettings
from idp.register import Subject

MOST_TRIES = 10


class WrongCode(Exception):
    """The code does not confirm what is being enrolled."""


@dataclass(frozen=True, slots=True)
class NewApp:
    """What an app has to be told: the key as text, and as a picture."""

    key: str
    picture: Markup


class Codes:
    """Makes and confirms them; each needs the strongest means that is bound, shown lately."""

    def __init__(
        self,
        runtime: Runtime,
        settings: LoginSettings,
        directory: Directory,
        sessions: Sessions,
        management: Management,
        apps: AuthenticatorApps,
        lists: CodeLists,
    ) -> None:
        self._database = runtime.database
        self._clock = runtime.clock
        self._rates = runtime.rates
        self._issuer = runtime.settings.of(Jurisdiction).name
        self._settings = settings
        self._directory = directory
        self._sessions = sessions
        self._management = management
        self._apps = apps
        self._lists = lists

    # ── authenticator app ─────────────────────────────────────────────────────────────

    def begin_app(self, session: Session) -> None:
        """A new key, which counts once a code of it was typed. Raises ProveAgain, Forbidden."""
        credential_id = opaque.identifier("cred")
        key = self._apps.new_key(credential_id)
        self._begin(session, TOTP, credential_id, key, self._settings.app)

    def new_app(self, session: Session) -> NewApp | None:
        """The key that waits for its first code, for who enrols it. Raises ProveAgain."""
        found = self._waiting(session, TOTP)
        if found is None:
            return None
        name = self._directory.name_of(session.subject)
        return NewApp(
            self._apps.text(found.secret, found.id),
            self._apps.picture(found.secret, found.id, name, self._issuer),
        )

    def confirm_app(self, session: Session, typed: str) -> Credential:
        """The app works: it counts from now on, and the one before ends.

        Raises ProveAgain, WrongCode, Gone (nothing waits), TooManyRequests.
        """
        found = self._to_confirm(session, TOTP)
        now = self._clock.now()
        step = self._apps.step(typed, found.secret, found.id, now)
        if step is None:
            raise WrongCode
        # Its first code is used up by this, like any other.
        return self._bind(session, found, found.secret, step, now)

    # ── code card ─────────────────────────────────────────────────────────────────────

    def print_card(self, session: Session) -> Printed:
        """The codes of a new card, told this once; locked until one of them was shown (CM-3).

        The card before stays good until then. Raises ProveAgain, Forbidden.
        """
        printed = self._lists.card(opaque.identifier("cred"))
        self._begin(session, CODE_CARD, printed.id, printed.verifiers, self._settings.card)
        return printed

    def waiting_card(self, subject: Subject) -> tuple[int, datetime] | None:
        """(the number of the code that activates a card which was printed, until when)."""
        with self._database.read() as uow:
            found = enrolments.find(uow, subject, CODE_CARD, self._clock.now())
        number = None if found is None else self._lists.asked(found.id, 0)
        return None if found is None or number is None else (number, found.expires_at)

    def activate_card(self, session: Session, typed: str) -> Credential:
        """The card is in the right hands: it counts, and the one before ends.

        Raises ProveAgain, WrongCode, Gone, TooManyRequests.
        """
        found = self._to_confirm(session, CODE_CARD)
        number = self._lists.asked(found.id, 0)
        if number is None or not self._lists.is_on_card(found.id, found.secret, number, typed):
            raise WrongCode
        rest = without(found.secret, number)
        return self._bind(session, found, rest, 1, self._clock.now())

    def left_of_card(self, subject: Subject) -> int | None:
        """How many codes the card has still; None without a card."""
        with self._database.read() as uow:
            found = store.secret_of(uow, subject, CODE_CARD)
        return None if found is None else left(found[1])

    def ends_soon(self, subject: Subject) -> bool:
        """Whether a new card should be printed, before this one is used up."""
        codes = self.left_of_card(subject)
        return codes is not None and codes <= FEW

    # ── recovery codes ────────────────────────────────────────────────────────────────

    def new_recovery_codes(self, session: Session) -> Printed:
        """A dozen, told this once; those of before end. Raises ProveAgain, Forbidden."""
        _citizens_only(session)
        now = self._clock.now()
        printed = self._lists.recovery(opaque.identifier("cred"))
        managed = self._management.binding_level(session)
        with self._database.write() as uow:
            self._management.require_strongest(uow, session, now)
            credential = _credential(printed.id, session.subject, RECOVERY_CODES, managed, now)
            self._replace(uow, session, credential, printed.verifiers, now)
        return printed

    def left_of_recovery(self, subject: Subject) -> int | None:
        """How many recovery codes were not used yet; None without any."""
        with self._database.read() as uow:
            found = store.secret_of(uow, subject, RECOVERY_CODES)
        return None if found is None else left(found[1])

    # ── inside ────────────────────────────────────────────────────────────────────────

    def _begin(
        self, session: Session, kind: Kind, credential_id: str, secret: bytes, lifetime: timedelta
    ) -> None:
        _citizens_only(session)
        now = self._clock.now()
        enrolment = Enrolment(
            id=credential_id,
            subject=session.subject,
            kind=kind,
            secret=secret,
            managed=self._management.binding_level(session),
            begun_at=now,
            expires_at=now + lifetime,
        )
        with self._database.write() as uow:
            self._management.require_strongest(uow, session, now)
            enrolments.begin(uow, enrolment)

    def _waiting(self, session: Session, kind: Kind) -> Enrolment | None:
        with self._database.read() as uow:
            self._management.require_strongest(uow, session)
            return enrolments.find(uow, session.subject, kind, self._clock.now())

    def _to_confirm(self, session: Session, kind: Kind) -> Enrolment:
        found = self._waiting(session, kind)
        if found is None:
            raise Gone(
                "Nothing waits to be confirmed: it took too long, or was begun anew elsewhere.",
                next_step="Begin once more, on the page “How you sign in”.",
            )
        # Whoever is here has shown the strongest means; the codes are theirs. A slip counts little.
        now, window = self._clock.now(), self._settings.window
        self._rates.check("login-confirm", found.id, MOST_TRIES, window, now)
        return found

    def _bind(
        self, session: Session, found: Enrolment, secret: bytes, counter: int, now: datetime
    ) -> Credential:
        credential = _credential(found.id, found.subject, found.kind, found.managed, now, counter)
        with self._database.write() as uow:
            self._management.require_strongest(uow, session, now)
            if not enrolments.take(uow, found):
                raise WrongCode
            self._replace(uow, session, credential, secret, now)
        return credential

    def _replace(
        self, uow: UnitOfWork, session: Session, new: Credential, secret: bytes, now: datetime
    ) -> None:
        """Bind it in place of what there was of its kind (CM-9)."""
        details = {"credential": new.id, "kind": new.kind, "managed": new.data["managed"]}
        before = store.secret_of(uow, new.holder, new.kind)
        if before is not None:
            store.end(uow, new.holder, before[0].id, now)
            details["replaces"] = before[0].id
            self._sessions.end_all(uow, new.holder.id, "credential removed", now, but=session.id)
        store.add(uow, new, secret, None)
        begun = self._management.at_activation(session)
        self._management.record(uow, "credential.added", new.holder, details, begun)


def next_code_in(now: datetime) -> int:
    """Seconds until an app shows its next code."""
    return STEP - int(now.timestamp()) % STEP


def _credential(
    credential_id: str, holder: Subject, kind: Kind, managed: int, now: datetime, counter: int = 0
) -> Credential:
    return Credential(
        id=credential_id,
        holder=holder,
        kind=kind,
        label="",
        created_at=now,
        used_at=None,
        counter=counter,
        data={"managed": managed},
    )


def _citizens_only(session: Session) -> None:
    if session.subject.kind != "citizen":
        raise Forbidden(
            "Your work here opens with a passkey only.",
            next_step="Add another passkey, so that you have one in reserve.",
        )
