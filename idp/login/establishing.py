"""From a proof to a session: the level is reckoned, identifiers change — AU-9, AU-13."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from foundation.audit import Actor, Audit
from foundation.database import UnitOfWork
from foundation.runtime import Runtime
from idp.login import store
from idp.login.authenticators.passkey import evidence_of
from idp.login.credential import AUTHENTICATORS, CHIP_CARD, Credential
from idp.login.directory import Directory, Standing
from idp.login.failures import Failure, Failures
from idp.login.session import HIGHEST, Proof, Session, with_proof
from idp.login.sessions import Sessions
from idp.login.visit import Visit
from idp.register import Subject
from policies import Policies, SessionLevel, Used, authenticator_of_passkey


class SignInRefused(Exception):
    """A sign-in that did not succeed. ``reason`` is for the audit; the page says one sentence for
    all, except ``suspended``, which is told to those who proved that they are the person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session and the new value of its cookie; ``name_index`` if a name was typed for it."""

    session: Session
    token: str
    name_index: bytes | None = None


class Establishing:
    """Makes and changes sessions; nothing else does."""

    def __init__(
        self,
        runtime: Runtime,
        directory: Directory,
        policies: Policies,
        sessions: Sessions,
        failures: Failures,
    ) -> None:
        self._failures = failures
        self._audit: Audit = runtime.audit
        self._directory = directory
        self._policies = policies
        self.sessions = sessions

    def level(self, uow: UnitOfWork, subject: Subject, proofs: Sequence[Proof]) -> SessionLevel:
        """The level of a session with these proofs."""
        return self._level(self._directory.standing(uow, subject), proofs)

    def _level(self, standing: Standing, proofs: Sequence[Proof]) -> SessionLevel:
        return self._policies.level_of_session(standing.proofing, [p.as_used() for p in proofs])

    def attainable(self, uow: UnitOfWork, subject: Subject) -> int:
        """The highest level that this subject could reach with what is bound to them."""
        used = [best_use(one) for one in store.of_holder(uow, subject) if one.opens]
        standing = self._directory.standing(uow, subject)
        return self._policies.level_of_session(standing.proofing, used).level

    def establish(
        self,
        uow: UnitOfWork,
        visit: Visit,
        subject: Subject,
        proof: Proof,
        now: datetime,
        *,
        current: Session | None = None,
        activated: bool = False,
    ) -> SignedIn:
        """A session for a subject who has just proven themselves.

        ``current`` is the live session of this browser. The same subject keeps it, under a new
        cookie; another subject never inherits it: it ends, and a new one begins (failures 5).
        """
        standing = self._directory.standing(uow, subject)
        if not activated and not standing.may_sign_in:
            raise SignInRefused("suspended")
        before: tuple[Proof, ...] = ()
        same = current is not None and current.subject == subject
        if current is not None and same and not visit.errand.fresh:
            before = current.proofs
        proofs = with_proof(before, proof)
        level = self._level(standing, proofs).level
        errand = visit.errand.return_to
        if current is not None and same and visit.token is not None:
            token = self.sessions.renew(uow, current, visit.token, proofs, level, now, errand)
            if token is not None:
                renewed = Session(
                    id=current.id,
                    subject=subject,
                    level=level,
                    proofs=proofs,
                    auth_time=now,
                    ends_at=current.ends_at,
                )
                self._succeeded(uow, renewed, proof)
                return SignedIn(renewed, token)
        if current is not None:
            self.sessions.end(uow, current.id, "replaced", now)
        if before:
            level = self._level(standing, (proof,)).level
        session, token = self.sessions.begin(
            uow, subject, (proof,), level, now, errand, activated, visit.device
        )
        self._succeeded(uow, session, proof)
        return SignedIn(session, token)

    def failed(self, uow: UnitOfWork, failure: Failure, now: datetime) -> None:
        """Put a failure on record (AU-13): what failed and why, never what was typed."""
        self._failures.note(uow, failure, now)

    def _succeeded(self, uow: UnitOfWork, session: Session, proof: Proof) -> None:
        self._audit.record(
            uow,
            "sign-in.succeeded",
            actor(session.subject),
            persons(session.subject),
            {
                "method": proof.authenticator,
                "credential": proof.credential,
                "level": session.level,
                "session": session.id,
            },
        )


def best_use(credential: Credential) -> Used:
    """The most that a credential can prove, when its user is verified."""
    managed = credential.data.get("managed", HIGHEST)
    if credential.kind in AUTHENTICATORS:
        return Used(AUTHENTICATORS[credential.kind], managed)
    if credential.kind == CHIP_CARD:
        return Used(credential.data["authenticator"], managed)
    evidence = evidence_of(credential, user_verified=True)
    return Used(authenticator_of_passkey(evidence), managed)


def actor(subject: Subject) -> Actor:
    return Actor(subject.kind, subject.id)


def persons(subject: Subject | None) -> tuple[str, ...]:
    """Whose ledger an event stands in: staff have none."""
    return (subject.id,) if subject is not None and subject.kind == "citizen" else ()
