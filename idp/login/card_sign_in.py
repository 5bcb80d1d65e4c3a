"""Sign-in by a chip card, and cards that are bound to a person — Web eID; ISO/IEC 29115 §8.4, CM-6.

A card is bound by who is signed in and has just shown the strongest they have. Where its issuer
vouches for a civil number, it must be that of the person in the register, and the card counts in
full; of another issuer it counts as high as the session in which it was bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

from sqlalchemy.exc import IntegrityError

from foundation import opaque
from foundation.database import UnitOfWork
from foundation.errors import Conflict
from foundation.runtime import Runtime
from idp.login import challenges, store
from idp.login.authenticators import web_eid
from idp.login.authenticators.card_issuers import CardIssuers
from idp.login.authenticators.revocation import Ask, check
from idp.login.authenticators.web_eid import Card, Refused
from idp.login.challenges import Purpose
from idp.login.credential import CHIP_CARD, Credential
from idp.login.directory import Directory
from idp.login.establishing import SignedIn, SignInRefused
from idp.login.failures import Failure
from idp.login.management import Management
from idp.login.removals import Removals
from idp.login.session import HIGHEST, Proof, Session
from idp.login.settings import LoginSettings
from idp.login.sign_in import SignIn
from idp.login.throttle import Throttle
from idp.login.visit import Visit

NONCE_LIVES = timedelta(minutes=5)
MOST_CARDS = 10
NOBODYS, OTHERS = "nobodys", "others"


@dataclass(frozen=True, slots=True)
class AskedOfCard:
    """What the page hands to the extension."""

    handle: str
    nonce: str


class CardSignIn:
    """Asks cards, and takes what they answer."""

    def __init__(
        self,
        runtime: Runtime,
        settings: LoginSettings,
        directory: Directory,
        sign_in: SignIn,
        management: Management,
        throttle: Throttle,
        removals: Removals,
        issuers: CardIssuers,
        origins: tuple[str, ...],
        ask: Ask,
    ) -> None:
        self._database = runtime.database
        self._clock = runtime.clock
        self._directory = directory
        self._sign_in = sign_in
        self._management = management
        self._throttle = throttle
        self._removals = removals
        self._origins = origins
        self._lives = min(settings.challenge, NONCE_LIVES)
        self.issuers = issuers
        self.ask_responder = ask

    def ask(self, visit: Visit, current: Session | None) -> AskedOfCard:
        """A nonce to sign in, or to show a card beside what `current` has shown. Raises
        TooManyRequests."""
        return self._asked(visit, "card" if current is None else "card-step-up", current)

    def ask_new(self, session: Session, visit: Visit) -> AskedOfCard:
        """A nonce to bind a card. Raises ProveAgain, TooManyRequests."""
        with self._database.read() as uow:
            self._management.require_strongest(uow, session)
        return self._asked(visit, "card-new", session)

    def by_card(
        self,
        handle: str,
        token: Mapping[str, Any],
        visit: Visit,
        current: Session | None,
        step_up: bool = False,
    ) -> SignedIn:
        """A session for an answered nonce. Raises Refused, SignInRefused or TooManyRequests."""
        asked_by = current if step_up else None
        try:
            card = self._verified(handle, token, visit, asked_by, step_up)
        except Refused as refused:
            self._fail(visit, refused)
        with self._database.read() as uow:
            found = store.by_lookup(uow, card.lookup)
        if found is None or found.kind != CHIP_CARD:
            self._fail(visit, Refused(NOBODYS, "bound to nobody"), card)
        if step_up and current is not None and found.holder != current.subject:
            self._fail(visit, Refused(OTHERS, "another person's"), card, found)
        now = self._clock.now()
        # What the issuer is said to be now counts, if less than when the card was bound.
        managed = found.data["managed"]
        proof = Proof(card.issuer.authenticator, found.id, now, managed=managed)

        def bind(uow: UnitOfWork) -> None:
            if not store.used(uow, found.id, now):
                raise SignInRefused("the card was removed meanwhile")
            self._removals.found_again(uow, found.holder, found.id, now)

        return self._sign_in.establish(visit, found.holder, proof, current, bind)

    def add(
        self, session: Session, handle: str, token: Mapping[str, Any], label: str, visit: Visit
    ) -> Credential:
        """Bind the card that answers. Raises Refused, ProveAgain, Conflict."""
        with self._database.read() as uow:
            bound = self._management.require_strongest(uow, session)
        if sum(one.kind == CHIP_CARD for one in bound) >= MOST_CARDS:
            raise Conflict(
                "You have many cards already.", next_step="Remove one that you no longer use."
            )
        card = self._verified(handle, token, visit, session, False, "card-new")
        managed = self._managed(session, card)
        now, credential_id = self._clock.now(), opaque.identifier("cred")
        credential = Credential(
            id=credential_id,
            holder=session.subject,
            kind=CHIP_CARD,
            label="",
            created_at=now,
            used_at=None,
            data={
                "authenticator": card.issuer.authenticator,
                "issuer": card.issuer.id,
                "managed": managed,
                "label": self._management.sealed_label(label or card.issuer.label, credential_id),
            },
        )
        try:
            with self._database.write() as uow:
                self._management.require_strongest(uow, session, now)
                store.add(uow, credential, None, card.lookup)
                details = {"credential": credential.id, "kind": CHIP_CARD, "managed": managed}
                self._management.record(uow, "credential.added", session.subject, details)
        except IntegrityError as error:
            raise Conflict("This card is bound already.", next_step="Use it to sign in.") from error
        return credential

    def _managed(self, session: Session, card: Card) -> int:
        """Up to which level the card counts; raises Refused for somebody else's."""
        if not card.number or session.subject.kind != "citizen":
            return self._management.binding_level(session)
        if not self._directory.has_civil_number(session.subject, card.number):
            raise Refused(OTHERS, "its civil number is another person's")
        return HIGHEST

    def _asked(self, visit: Visit, purpose: Purpose, session: Session | None) -> AskedOfCard:
        now, nonce = self._clock.now(), web_eid.new_nonce()
        self._throttle.count_opened(visit.source, now)
        with self._database.write() as uow:
            handle = challenges.open_challenge(
                uow,
                purpose,
                visit.browser,
                {"nonce": nonce},
                now + self._lives,
                session.subject.id if session else None,
                session.id if session else None,
            )
        return AskedOfCard(handle, nonce)

    def _verified(
        self,
        handle: str,
        token: Mapping[str, Any],
        visit: Visit,
        session: Session | None,
        step_up: bool,
        purpose: Purpose | None = None,
    ) -> Card:
        """Uses the nonce up, verifies, and asks whether the certificate was revoked."""
        now = self._clock.now()
        chosen: Purpose = purpose or ("card-step-up" if step_up else "card")
        with self._database.write() as uow:
            taken = challenges.take(uow, handle, visit.browsers, chosen, now)
        if taken is None:
            raise Refused(web_eid.SIGNATURE, "nonce unknown, used, stale or another browser's")
        if chosen != "card" and (session is None or taken.session_id != session.id):
            raise Refused(web_eid.SIGNATURE, "another session's nonce")
        nonce = str(taken.state["nonce"])
        card = web_eid.verify(token, nonce, self._origins, self.issuers, now)
        check(card, self.ask_responder, now)
        return card

    def _fail(
        self,
        visit: Visit,
        refused: Refused,
        card: Card | None = None,
        credential: Credential | None = None,
    ) -> NoReturn:
        """On record, and counted by the card that was shown. Raises Refused, TooManyRequests."""
        self._throttle.count_wrong(visit.source, self._clock.now())
        about = "no card" if card is None else card.lookup.hex()
        holder = credential.holder if credential is not None else None
        named = credential.id if credential is not None else None
        failure = Failure(about, holder, CHIP_CARD, str(refused)[:200], named)
        with self._database.write() as uow:
            self._sign_in.note(uow, failure, self._clock.now())
        raise refused
