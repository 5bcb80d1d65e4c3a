"""The locker as its endpoints see it: issuers, requesters, the person, and anybody who checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from documents.locker import seals, sharing_store, store
from documents.locker.asking import Asking, SharesEndWithConsent
from documents.locker.checking import Checking
from documents.locker.document import Document, Link, Mismatch, Share, Version
from documents.locker.issuing import Issuing
from documents.locker.kinds import Kind, Kinds, of_settings
from documents.locker.links import Links
from documents.locker.originals import Originals
from documents.locker.ports import EndsWithDocument, People, Services
from documents.locker.seals import Seals
from documents.locker.settings import fonts_of
from foundation.database import UnitOfWork
from foundation.errors import NotFound
from foundation.marking import N_
from foundation.runtime import Runtime
from pki import CertificateAuthority
from policies import Policies


@dataclass(frozen=True, slots=True)
class Whole:
    """One document of a person, with its history and who can see it."""

    document: Document
    kind: Kind | None
    history: list[Version]
    shares: list[tuple[Share, str]]
    links: list[Link]


class Locker:
    """Parts: `issuing`, `asking`, `links`, `checking`, `originals`, `seals`."""

    def __init__(
        self,
        runtime: Runtime,
        policies: Policies,
        kinds: Kinds,
        people: People,
        services: Services,
        authority: CertificateAuthority,
        ends: Sequence[EndsWithDocument] = (),
    ) -> None:
        self.runtime = runtime
        self.policies = policies
        self.kinds = kinds
        self.services = services
        self.fonts = fonts_of(runtime.settings)
        self.originals = Originals(runtime, kinds)
        self.seals = Seals(authority, kinds, runtime.clock)
        self.issuing = Issuing(runtime, kinds, self.originals, people, ends)
        self.asking = Asking(runtime, policies, kinds, self.originals, people, services)
        self.links = Links(runtime, kinds, self.originals)
        self.checking = Checking(runtime, kinds, self.originals)
        self.ends_with_consent = SharesEndWithConsent(kinds)

    def ready(self, now: datetime) -> None:
        """At each start: an issuer that was added to the file gets its keys."""
        self.originals.prepare()
        self.seals.prepare(now)

    def of_person(
        self, person_id: str, words: str = "", after: int = 0
    ) -> tuple[list[Document], bool]:
        """A page of a person's documents, newest first, and whether there are more. `words`: only
        kinds and issuers whose names, in any language, have all of them."""
        chosen = self._named(words) if words.strip() else None
        with self.runtime.database.read() as uow:
            found = store.of_person(
                uow, self.runtime.vault, person_id, chosen, after, store.PAGE + 1
            )
        return found[: store.PAGE], len(found) > store.PAGE

    def _named(self, words: str) -> list[tuple[str, str]]:
        wanted = words.casefold().split()
        chosen = []
        for key, kind in self.kinds.kinds.items():
            issuer = self.kinds.issuers[kind.issuer]
            names = [kind.title, *kind.titles.values(), issuer.name, *issuer.names.values()]
            said = " ".join(names).casefold()
            if all(word in said for word in wanted):
                chosen.append(key)
        return chosen

    def mismatches(self, person_id: str) -> list[Mismatch]:
        with self.runtime.database.read() as uow:
            return store.mismatches(uow, person_id)

    def whole(self, person_id: str, document_id: str) -> Whole:
        """A document of one's own; raises NotFound."""
        with self.runtime.database.read() as uow:
            document = self._own(uow, person_id, document_id)
            history = store.history(uow, document_id)
            shares = sharing_store.shares_of_document(uow, document_id)
            links = sharing_store.links_of_document(uow, document_id)
        return Whole(
            document,
            self.kinds.kinds.get((document.issuer, document.kind)),
            history,
            [(share, self.services.name(share.service)) for share in shares],
            links,
        )

    def valid(
        self,
        person_id: str,
        kind: Kind,
        uow: UnitOfWork,
        document_id: str = "",
        *,
        locked: bool = False,
    ) -> list[Document]:
        """A person's documents of a kind that can be read and are valid now, newest first;
        `document_id`: this one alone. `locked`: they stay so until the unit of work is done."""
        now, vault = self.runtime.clock.now(), self.runtime.vault
        found = store.of_person(uow, vault, person_id, [(kind.issuer, kind.id)], locked=locked)
        return [
            document
            for document in found
            if document.content is not None
            and document.standing(now) == "valid"
            and document_id in ("", document.id)
        ]

    def has_none(self, person_id: str, kind: Kind, uow: UnitOfWork) -> bool:
        """Whether a person never had a document of a kind: one that ended is one."""
        return not store.of_person(uow, self.runtime.vault, person_id, [(kind.issuer, kind.id)])

    def original(self, person_id: str, document_id: str) -> tuple[Document, str]:
        """A document of one's own, and its original; raises NotFound."""
        with self.runtime.database.read() as uow:
            document = self._own(uow, person_id, document_id)
        kind = self.kinds.kinds.get((document.issuer, document.kind))
        if kind is None or document.content is None:
            raise NotFound(N_("This document cannot be read any more."))
        return document, self.originals.make(document, document.content, kind)

    def _own(self, uow: UnitOfWork, person_id: str, document_id: str) -> Document:
        document = store.own(uow, self.runtime.vault, document_id, person_id)
        if document is None:
            raise NotFound(
                N_("You have no such document."),
                next_step=N_("Look at the list of yours."),
            )
        return document


class SharesEndWithIdentity:
    """`register.EndsWithIdentity`: what a person shared ends with their identity."""

    def end_identity(self, uow: UnitOfWork, person_id: str, transition: str, now: datetime) -> None:
        sharing_store.end_all_of_person(uow, person_id, now)


def prepare(runtime: Runtime) -> None:
    """Make what issuers sign with before it serves; idempotent."""
    kinds = of_settings(runtime.settings)
    Originals(runtime, kinds).prepare()
    seals.prepare(runtime, kinds)
