"""The suite as those above see it: who is there, at which level, and the ends of sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from foundation.cross_origin import origin
from foundation.database import UnitOfWork
from foundation.fetch import Fetch
from foundation.runtime import Runtime
from foundation.settings import Jurisdiction, Server
from foundation.web import Principal
from idp.login import challenges, enrolments, store
from idp.login.activation import Activation
from idp.login.authenticators.breached import BreachedPasswords
from idp.login.authenticators.card_issuers import CardIssuers
from idp.login.authenticators.code_lists import CodeLists
from idp.login.authenticators.passkey import Passkeys
from idp.login.authenticators.password import Passwords
from idp.login.authenticators.revocation import responder_of
from idp.login.authenticators.totp import AuthenticatorApps
from idp.login.card_sign_in import CardSignIn
from idp.login.code_sign_in import CodeSignIn
from idp.login.codes import Codes
from idp.login.credential import RECOVERY_CODES, Credential
from idp.login.directory import Directory
from idp.login.establishing import Establishing, SignedIn, best_use
from idp.login.failures import Failures
from idp.login.management import Management
from idp.login.model_changes import ModelChanges, models_of
from idp.login.removals import Removals
from idp.login.session import Proof, Session, with_proof
from idp.login.sessions import Sessions, was_for
from idp.login.settings import LoginSettings
from idp.login.sign_in import SignIn
from idp.login.strongest import Strongest
from idp.login.throttle import Throttle
from idp.login.visit import KNOWN, SESSION, Errand
from idp.login.who import Authenticated, EndsWithSession, GoTo, HearsOfChange, Requirement
from idp.register import EndsWithIdentity, Register
from policies import Policies

_STILL_FRESH = timedelta(minutes=10)
_A_YEAR = 31_536_000
# A password alone opens no work of staff (AU-1).
_OF_STAFF = 3
SET_UP_PASSKEY = "/activate/passkey"


class Login:
    """Sign-in of citizens and staff. Safe to share between threads.

    ``ends`` hear of every end of a session, in its unit of work, and ``hears`` of every change of
    a person's means. ``staff_only``: nobody else has anything to activate here (a regulator
    authenticates no citizen).
    """

    def __init__(
        self,
        runtime: Runtime,
        register: Register,
        policies: Policies,
        ends: Sequence[EndsWithSession] = (),
        staff_only: bool = False,
        hears: Sequence[HearsOfChange] = (),
    ) -> None:
        settings = runtime.settings.of(LoginSettings)
        server = runtime.settings.of(Server)
        self.runtime = runtime
        self.settings = settings
        self.directory = Directory(runtime, register, hears)
        self.staff_only = staff_only
        self.sessions = Sessions(runtime.database, settings, ends)
        self.failures = Failures(runtime, settings)
        self.establishing = Establishing(
            runtime, self.directory, policies, self.sessions, self.failures
        )
        breached = settings.breached_passwords
        passwords = Passwords(
            runtime.keys,
            settings,
            BreachedPasswords(runtime.settings.resolve(breached) if breached else None),
        )
        self.models = models_of(runtime, settings)
        passkeys = Passkeys(
            server.url,
            runtime.settings.of(Jurisdiction).name,
            [origin(url) for url in (server.url, server.tls_url) if url],
            self.models,
        )
        throttle = self.throttle = Throttle(runtime, settings)
        self.removals = Removals(runtime, settings, self.directory, self.sessions)
        self.sign_in = SignIn(
            runtime,
            settings,
            self.directory,
            self.establishing,
            passwords,
            passkeys,
            throttle,
            self.removals,
        )
        self.activation = Activation(
            runtime, settings, self.directory, self.establishing, passwords, throttle
        )
        strongest = self._strongest = Strongest(policies)
        self.management = Management(
            runtime,
            settings,
            self.directory,
            self.sessions,
            passwords,
            passkeys,
            throttle,
            strongest,
            self.failures,
            self.removals,
        )
        apps = AuthenticatorApps(runtime.keys, settings.totp_drift)
        lists = CodeLists(runtime.keys)
        self.codes = Codes(
            runtime, settings, self.directory, self.sessions, self.management, apps, lists
        )
        self.code_sign_in = CodeSignIn(
            runtime, self.directory, self.sign_in, throttle, self.removals, apps, lists
        )
        issuers = settings.card_issuers
        self.cards = CardSignIn(
            runtime,
            settings,
            self.directory,
            self.sign_in,
            self.management,
            throttle,
            self.removals,
            CardIssuers.read(runtime.settings.resolve(issuers)) if issuers else CardIssuers(),
            tuple(origin(url) for url in (server.url, server.tls_url) if url),
            responder_of(Fetch.of(runtime.settings, signed=True)),
        )
        runtime.jobs.periodic(
            "failed sign-ins",
            timedelta(minutes=1),
            lambda: self.failures.sweep(runtime.clock.now()),
        )
        self.model_changes = ModelChanges(runtime, self.models, self.directory, self.sessions)
        runtime.jobs.periodic("sign-in sessions", timedelta(minutes=10), self._sweep)

    # ── who is there? ─────────────────────────────────────────────────────────────────

    def who(self, request: Request, requirement: Requirement) -> Authenticated | GoTo:
        """The citizen who is there, or where to send the browser.

        The level may be lower than required when the person cannot reach more with what is bound
        to them: the asker decides what that means (OpenID Connect Core §5.5.1.1).
        """
        session = self.session(request)
        errand = Errand(
            requirement.return_to,
            requirement.level,
            leave_to=requirement.leave_to,
            ui_locales=requirement.ui_locales[:200],
        )
        if session is None or session.subject.kind != "citizen":
            return GoTo(errand.path())
        if not self._fresh_enough(session, requirement):
            return GoTo(replace(errand, fresh=True).path())
        if session.level < requirement.level and session.level < self.attainable(session):
            return GoTo(errand.path())
        return Authenticated(
            subject=session.subject.id,
            acr_level=session.level,
            amr=session.amr,
            auth_time=session.auth_time,
            session_id=session.id,
        )

    def session(self, request: Request) -> Session | None:
        """The live session of this browser, of a subject who may sign in now."""
        if "civitas.login.session" not in request.scope:
            request.scope["civitas.login.session"] = self._session(request)
        found: Session | None = request.scope["civitas.login.session"]
        return found

    def session_to_prove(self, request: Request) -> Session | None:
        """As `session`, for who brings a new proof; also by the cookie that it had a moment ago,
        which is good for nothing else."""
        session, token = self.session(request), web.cookie(request, SESSION)
        if session is not None or not token:
            return session
        return self._standing(self.sessions.renewed_from(token, self.runtime.clock.now()))

    def principal_of_session(self, request: Request) -> Principal | None:
        """Answers the port ``web.principal`` for browsers.

        Staff have their roles only in a session that a passkey opened, or raised.
        """
        session = self.session(request)
        return None if session is None else self._principal(session)

    def _principal(self, session: Session) -> Principal:
        roles: frozenset[str] = frozenset()
        if session.subject.kind == "staff" and session.level >= _OF_STAFF:
            with self.runtime.database.read() as uow:
                roles = self.directory.roles(uow, session.subject)
        return Principal(
            kind=session.subject.kind,
            id=session.subject.id,
            roles=roles,
            level=session.level,
            session=session.id,
        )

    def attainable(self, session: Session) -> int:
        """The highest level that this person could reach with what is bound to them."""
        with self.runtime.database.read() as uow:
            return self.establishing.attainable(uow, session.subject)

    def level_to_reach(self, session: Session, errand: Errand) -> int | None:
        """The level that a step-up should reach, if one is asked for and possible."""
        needed = max(errand.level, _OF_STAFF if session.subject.kind == "staff" else 0)
        if session.level >= needed:
            return None
        return needed if session.level < self.attainable(session) else None

    def offers(self, session: Session, errand: Errand) -> tuple[Credential, ...]:
        """With what this session gets where its errand asks it to be: only what is missing, and
        only what would do; where no single means does, all that add something."""
        now = self.runtime.clock.now()
        with self.runtime.database.read() as uow:
            bound = store.of_holder(uow, session.subject)
            opening = [one for one in bound if one.opens]
            if errand.strongest and not self._strongest.is_proven(session, bound, now):
                would = self._strongest.would_do
                does = [one for one in opening if would(session, bound, one, now)]
                rest = self._strongest.not_fresh(session, opening, now)
            else:
                needed = self.level_to_reach(session, errand) or session.level + 1
                reached = {one.id: self._with(uow, session, one, now) for one in opening}
                does = [one for one in opening if reached[one.id] >= needed]
                shown = {proof.credential for proof in session.proofs}
                rest = [one for one in opening if one.id not in shown]
        return tuple(does or (one for one in rest if one.kind != RECOVERY_CODES))

    def _with(self, uow: UnitOfWork, session: Session, more: Credential, now: datetime) -> int:
        used = best_use(more)
        proof = Proof(used.authenticator, more.id, now, managed=used.managed)
        proofs = with_proof(session.proofs, proof)
        return self.establishing.level(uow, session.subject, proofs).level

    def lacks_passkey(self, session: Session) -> bool:
        """Whether a member of staff cannot reach their work with what is bound to them."""
        staff = session.subject.kind == "staff"
        return staff and session.level < _OF_STAFF and self.attainable(session) < _OF_STAFF

    def next_path(self, session: Session, errand: Errand) -> str:
        """Where to go after a proof: up to the level that is missing, or on with the errand."""
        if self.lacks_passkey(session):
            return replace(errand, level=1, fresh=False).path(SET_UP_PASSKEY)
        missing = self.level_to_reach(session, errand)
        if missing is not None:
            return replace(errand, level=missing, fresh=False).path()
        if errand.strongest and not self.management.may_change(session):
            return replace(errand, fresh=False).path()
        return errand.return_to or self.home(session)

    def home(self, session: Session) -> str:
        """The first page of who is signed in."""
        principal = self._principal(session)
        shown = (place.href for place in self.runtime.pages.places if place.is_for(principal))
        return next(shown, "/")

    # ── the session's cookie and its end ──────────────────────────────────────────────

    def keep(self, response: Response, request: Request, signed_in: SignedIn) -> Response:
        """Give the browser its new cookies."""
        web.set_cookie(response, request, SESSION, signed_in.token)
        index = signed_in.name_index
        if index is None and (name := self.directory.name_of(signed_in.session.subject)):
            index = self.sign_in.name_index(name)
        if index is not None:
            mark = self.sign_in.known.mark(index)
            web.set_cookie(response, request, KNOWN, mark, max_age=_A_YEAR)
        return response

    def sign_out(self, request: Request, response: Response) -> None:
        """End this browser's session, and what rests on it; forget the cookie."""
        session = self.session(request)
        if session is not None:
            with self.runtime.database.write() as uow:
                self.end_session(uow, session.id, "signed out", self.runtime.clock.now())
        web.delete_cookie(response, request, SESSION)
        request.scope["civitas.login.session"] = None
        request.scope["civitas.principal"] = None

    def end_session(self, uow: UnitOfWork, session_id: str, reason: str, now: datetime) -> bool:
        """End a session by its identifier, inside the caller's unit of work."""
        return self.sessions.end(uow, session_id, reason, now)

    def end_elsewhere(self, uow: UnitOfWork, request: Request) -> None:
        """End every other session of who is signed in here, in the caller's unit of work."""
        session = self.session(request)
        if session is not None:
            subject, now = session.subject, self.runtime.clock.now()
            self.sessions.end_all(uow, subject.id, "ended elsewhere", now, but=session.id)

    def session_lives(self, uow: UnitOfWork, session_id: str) -> bool:
        """Whether what rests on this session may go on."""
        return self.sessions.alive(uow, session_id, self.runtime.clock.now())

    @property
    def sessions_end(self) -> EndsWithIdentity:
        """What of sign-in ends with an identity."""
        return SessionsEndWithIdentity(self.sessions)

    # ── inside ────────────────────────────────────────────────────────────────────────

    def _session(self, request: Request) -> Session | None:
        token = web.cookie(request, SESSION)
        if not token:
            return None
        return self._standing(self.sessions.find(token, self.runtime.clock.now()))

    def _standing(self, found: Session | None) -> Session | None:
        """The session, if its subject may sign in now."""
        if found is None:
            return None
        with self.runtime.database.read() as uow:
            return found if self.directory.standing(uow, found.subject).may_sign_in else None

    def _fresh_enough(self, session: Session, requirement: Requirement) -> bool:
        age = self.runtime.clock.now() - session.auth_time
        # The sign-in that this very errand led to answers it, however short max_age is.
        for_this = was_for(session, requirement.return_to) and age <= _STILL_FRESH
        if requirement.prompt & {"login", "select_account"}:
            return for_this
        return for_this or requirement.max_age is None or age <= requirement.max_age

    def _sweep(self) -> None:
        now = self.runtime.clock.now()
        self.sessions.sweep(now)
        with self.runtime.database.write() as uow:
            challenges.sweep(uow, now)
            enrolments.sweep(uow, now)


class SessionsEndWithIdentity:
    """``register.EndsWithIdentity``: suspension ends sessions, archive and delete credentials."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def end_identity(self, uow: UnitOfWork, person_id: str, transition: str, now: datetime) -> None:
        """Every session ends, and what rests on it; credentials stay only for a return."""
        self._sessions.end_all(uow, person_id, transition, now)
        if transition != "suspend":
            store.end_all(uow, person_id, now)
            enrolments.end_all(uow, person_id)
