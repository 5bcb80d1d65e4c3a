"""A service asks a person for documents, the person picks, the service fetches — GDPR art. 7.

What was picked is a consent like any other: for one service and one purpose, with its notice. Each
fetch asks the one decision, so that a withdrawal, an expiry, a level that is too low or a suspended
identity refuse the next one; each stands in the person's ledger.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from documents.locker import sharing_store, store
from documents.locker.document import Asked, Document, Share, Standing, Wanted
from documents.locker.kinds import Kind, Kinds
from documents.locker.originals import Originals
from documents.locker.ports import People, Services
from documents.locker.settings import DocumentsSettings
from documents.locker.tables import document_shares
from foundation import opaque
from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import BadRequest, Forbidden, NotFound, Over, Unprocessable
from foundation.marking import N_
from foundation.nearest import instead
from foundation.pages import Translator
from foundation.runtime import Runtime
from policies import Consent, Deny, Ended, Notice, Policies, Question

BUCKET, MINUTE = "documents-asked", timedelta(minutes=1)
MOST_WANTED = 20
OVER = N_("This request is over: it was answered already, or nobody answered it in time.")
AGAIN = N_("Go back to the service; it can ask again.")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a person can pick for one thing that is asked for. `parts`: the fields that it shows."""

    kind: Kind
    parts: tuple[str, ...]
    documents: Sequence[Document]


@dataclass(frozen=True, slots=True)
class Page:
    """A request as its person sees it."""

    asked: Asked
    notice: Notice
    offers: Sequence[Offer]

    @property
    def notice_digest(self) -> str:
        return self.notice.digest.hex()


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document as a service gets it: the original, or an extract of the parts it was given."""

    uri: str
    kind: Kind
    version: int
    standing: Standing
    original: str
    obligations: tuple[str, ...]


class Asking:
    """Requests, answers, and what is fetched."""

    def __init__(
        self,
        runtime: Runtime,
        policies: Policies,
        kinds: Kinds,
        originals: Originals,
        people: People,
        services: Services,
    ) -> None:
        self._runtime = runtime
        self._policies = policies
        self._kinds = kinds
        self._originals = originals
        self._people = people
        self._services = services
        self._settings = runtime.settings.of(DocumentsSettings)
        runtime.jobs.periodic("requests for documents", timedelta(hours=1), self._sweep)

    # ── the service asks ──────────────────────────────────────────────────────────────

    def ask(
        self,
        service: str,
        subject: str,
        wanted: Sequence[Wanted],
        purpose: str | None,
        return_to: str | None,
    ) -> Asked:
        """A request to the person whom the service knows as `subject`.

        Only a person who signed in at the service can be asked, and only they can answer: a
        request that somebody else opens is not theirs. Raises Unprocessable with the field.
        """
        purpose = self._purpose(service, purpose)
        self._check(wanted, purpose)
        if return_to is not None and not self._services.owns_address(service, return_to):
            raise Unprocessable(
                "This is none of the redirect URIs that the service is registered with.",
                where="return_to",
                next_step="Name one of them exactly, or leave it out.",
            )
        now = self._runtime.clock.now()
        person_id = self._people.by_subject(service, subject)
        if person_id is None:
            raise Unprocessable(
                "There is nobody whom this service knows by this sub.",
                where="sub",
                next_step="Let the person sign in at the service first, and send the sub of "
                "their ID token.",
            )
        asked = Asked(
            opaque.identifier("drq"),
            person_id,
            service,
            self._services.name(service),
            purpose,
            tuple(wanted),
            return_to,
            "asked",
            now,
            now + timedelta(hours=self._settings.request_hours),
        )
        with self._runtime.database.write() as uow:
            sharing_store.ask(uow, asked)
            self._runtime.audit.record(
                uow,
                "document.asked",
                Actor("service", service),
                (person_id,),
                {
                    "service": service,
                    "service_name": asked.service_name,
                    "purpose": purpose,
                    "attributes": [one.claim for one in wanted],
                },
            )
            self._count(uow, service, now)
        return asked

    def of_service(self, service: str, request_id: str) -> tuple[Asked, list[tuple[Share, str]]]:
        """A service's own request, with what was shared on it and where that is; NotFound."""
        with self._runtime.database.read() as uow:
            asked = sharing_store.asked(uow, request_id)
            if asked is None or asked.service != service:
                raise NotFound(
                    "This service has made no such request, or it ended long ago.",
                    next_step="Ask anew.",
                )
            now = self._runtime.clock.now()
            given = [
                (share, self._where(uow, share))
                for share in sharing_store.shares_of_request(uow, request_id)
                if share.active_at(now)
            ]
        return asked, [(share, uri) for share, uri in given if uri]

    def _where(self, uow: UnitOfWork, share: Share) -> str:
        document = store.own(uow, self._runtime.vault, share.document_id, share.person_id)
        if document is None or document.content is None:
            return ""
        return self._originals.uri(document.issuer, document.kind, document.content.number)

    def _purpose(self, service: str, purpose: str | None) -> str:
        registered = self._services.purposes(service)
        if purpose is None and len(registered) == 1:
            return registered[0]
        if purpose is None or purpose not in registered:
            raise Unprocessable(
                "This is no purpose that the service is registered for."
                if purpose
                else "Say what for.",
                where="purpose",
                next_step=f"Name one of: {', '.join(registered) or 'none is registered'}.",
            )
        return purpose

    def _check(self, wanted: Sequence[Wanted], purpose: str) -> None:
        if not 1 <= len(wanted) <= MOST_WANTED:
            raise Unprocessable(f"Ask for 1 to {MOST_WANTED} documents.", where="documents")
        if len({one.claim for one in wanted}) != len(wanted):
            raise Unprocessable("Ask for each kind once.", where="documents")
        useful = self._policies.purpose(purpose).attributes
        for one in wanted:
            kind = self._kinds.by_claim(one.claim)
            if kind is None:
                every = [k.claim.removeprefix("document.") for k in self._kinds.kinds.values()]
                name = one.claim.removeprefix("document.")
                raise Unprocessable(
                    f"There is no kind of document {name!r}.",
                    where="documents",
                    next_step=instead(name, every),
                )
            if kind.claim not in useful:
                raise Unprocessable(
                    f"{purpose} has no use for {kind.title}.",
                    where="documents",
                    next_step=f"It is of use for: {', '.join(kind.purposes)}.",
                )
            unknown = [part for part in one.parts if part not in kind.fields]
            if unknown:
                raise Unprocessable(
                    f"{kind.title} has no field {unknown[0]!r}.",
                    where="documents",
                    next_step=f"Its fields are: {', '.join(kind.fields)}.",
                )

    # ── the person answers ────────────────────────────────────────────────────────────

    def page(self, person_id: str, request_id: str, words: Translator) -> Page:
        """A request of one's own that waits for an answer; raises NotFound, Over."""
        now = self._runtime.clock.now()
        with self._runtime.database.read() as uow:
            asked = self._own(uow, person_id, request_id)
            if asked.state != "asked" or asked.expires_at <= now:
                raise Over(OVER, next_step=AGAIN)
            offers = [self._offer(uow, asked, one, now) for one in asked.wanted]
        notice = self._policies.notice(asked.purpose, asked.service_name, words.language, words)
        return Page(asked, notice, [offer for offer in offers if offer is not None])

    def _offer(self, uow: UnitOfWork, asked: Asked, wanted: Wanted, now: datetime) -> Offer | None:
        kind = self._kinds.by_claim(wanted.claim)
        if kind is None:
            return None
        vault = self._runtime.vault
        found = store.of_person(uow, vault, asked.person_id, [(kind.issuer, kind.id)])
        good = [d for d in found if d.content is not None and d.standing(now) == "valid"]
        return Offer(kind, wanted.parts or tuple(kind.fields), good)

    def answer(
        self,
        person_id: str,
        request_id: str,
        picked: Collection[str],
        notice_digest: str,
        words: Translator,
        *,
        uses: int | None = None,
        days: int | None = None,
    ) -> Asked:
        """Share the documents that were picked (ids) and nothing else; nothing picked is a refusal.

        Consent, shares and the request's end are one unit of work. Raises Over when it was answered
        already, BadRequest when the page showed another notice.
        """
        page = self.page(person_id, request_id, words)
        if not hmac.compare_digest(page.notice_digest, notice_digest):
            raise BadRequest(
                N_("The notice changed since you opened this page."),
                next_step=N_("Open it again and read the new one."),
            )
        asked, now = page.asked, self._runtime.clock.now()
        offered = {
            document.id: (offer, document) for offer in page.offers for document in offer.documents
        }
        if not set(picked) <= offered.keys():
            raise BadRequest(N_("Only what was asked for can be shared."), where="pick")
        chosen = tuple(dict.fromkeys(offered[one][0].kind.claim for one in picked))
        ends = None if days is None else now + timedelta(days=days)
        special = any(offered[one][0].kind.special for one in picked)
        with self._runtime.database.write() as uow:
            if not sharing_store.answer(uow, asked, "shared" if picked else "refused", now):
                raise Over(OVER, next_step=AGAIN)
            consent = self._policies.consent.give(
                person_id=person_id,
                service=asked.service,
                service_name=asked.service_name,
                purpose=asked.purpose,
                asked=[offer.kind.claim for offer in page.offers],
                chosen=chosen,
                notice=page.notice,
                explicit=special,
                uow=uow,
            )
            for one in picked:
                offer, document = offered[one]
                sharing_store.share(
                    uow,
                    Share(
                        opaque.identifier("shr"),
                        asked.id,
                        document.id,
                        person_id,
                        asked.service,
                        asked.purpose,
                        _parts(offer),
                        uses,
                        "active",
                        now,
                        min(ends or consent.not_after, consent.not_after),
                        None,
                    ),
                )
        return asked

    def waiting(self, person_id: str) -> list[Asked]:
        """Requests that wait for this person's answer."""
        with self._runtime.database.read() as uow:
            return sharing_store.waiting(uow, person_id, self._runtime.clock.now())

    def _own(self, uow: UnitOfWork, person_id: str, request_id: str) -> Asked:
        asked = sharing_store.asked(uow, request_id)
        if asked is None or asked.person_id != person_id:
            raise NotFound(
                N_("Nobody asks you for documents at this address."),
                next_step=N_("If a service sent you here, sign in as the person whom it knows."),
            )
        return asked

    # ── the service fetches ───────────────────────────────────────────────────────────

    def fetch(self, service: str, issuer: str, kind_id: str, number: str) -> Fetched:
        """A document that was shared with this service, now. Raises Forbidden."""
        now, vault = self._runtime.clock.now(), self._runtime.vault
        self._runtime.rates.known_full(BUCKET, service, MINUTE, now)
        kind = self._kinds.kinds.get((issuer, kind_id))
        if kind is None:
            raise _not_shared()
        with self._runtime.database.write() as uow:
            self._count(uow, service, now)
            document = store.by_number(uow, vault, issuer, kind_id, number)
            share = sharing_store.share_with(uow, document.id, service) if document else None
            if document is None or share is None or document.content is None:
                raise _not_shared()
            known = self._people.known(document.person_id, uow)
            question = Question(service, document.person_id, (kind.claim,), share.purpose, now)
            decision = self._policies.decide(question, known.facts, uow=uow, record=False)
            if not isinstance(decision, Deny):
                if document.standing(now) != "valid":
                    decision = self._policies.refuse("document-not-valid")
                elif not self._use(uow, share, now):
                    decision = self._policies.refuse("not-shared")
            decision = self._policies.record(uow, question, decision)
        # The unit of work is over: that it was refused stands in the ledger.
        if isinstance(decision, Deny):
            raise Forbidden(decision.reason, where=decision.code, next_step=decision.next_step)
        original = self._originals.make(document, document.content, kind, share.parts)
        uri = self._originals.uri(issuer, kind_id, number)
        return Fetched(
            uri, kind, document.version, document.standing(now), original, decision.obligations
        )

    def _use(self, uow: UnitOfWork, share: Share, now: datetime) -> bool:
        if not share.active_at(now):
            return False
        return share.uses_left is None or sharing_store.use_up(uow, document_shares, share.id)

    def _count(self, uow: UnitOfWork, service: str, now: datetime) -> None:
        self._runtime.rates.attempt(
            uow, BUCKET, service, self._settings.pulls_per_minute, MINUTE, now
        )

    def _sweep(self) -> int:
        before = self._runtime.clock.now() - timedelta(days=30)
        with self._runtime.database.write() as uow:
            return sharing_store.sweep(uow, before, 500)


class SharesEndWithConsent:
    """`policies.EndsWithConsent`: what was shared for a purpose ends with the consent to it."""

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds

    def end(self, uow: UnitOfWork, consent: Consent, reason: str, now: datetime) -> Ended:
        if not any(self._kinds.by_claim(name) for name in consent.attributes):
            return Ended("document shares", 0)
        ended = sharing_store.end_shares(
            uow, consent.person_id, consent.service, consent.purpose, now
        )
        return Ended("document shares", ended)


def _parts(offer: Offer) -> tuple[str, ...]:
    """Empty where all fields are given, so that a field that comes later is not left out."""
    return () if set(offer.parts) == set(offer.kind.fields) else offer.parts


def _not_shared() -> Forbidden:
    return Forbidden(
        "No document at this address is shared with this service.",
        where="document",
        next_step="Ask the person for it: POST /documents/v1/requests.",
    )
