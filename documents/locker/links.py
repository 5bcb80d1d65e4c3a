"""A person gives a document away by an address of its own: for a time, or a number of times.

Whoever has the address sees what it shows, and nothing else; the person reads each opening in their
ledger, and ends it when they like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from documents.locker import sharing_store, store
from documents.locker.document import Content, Document, Link
from documents.locker.kinds import Kind, Kinds
from documents.locker.originals import Originals
from documents.locker.settings import DocumentsSettings
from documents.locker.tables import document_links
from foundation import opaque
from foundation.audit import SYSTEM, Actor
from foundation.database import UnitOfWork
from foundation.errors import BadRequest, Conflict, Gone, NotFound
from foundation.marking import N_
from foundation.runtime import Runtime

BUCKET, MINUTE = "document-opened", timedelta(minutes=1)
MOST_USES = 100
_NOTHING = N_("There is no document at this address any more.")
_ASK = N_("Ask whoever gave it to you for a new one.")


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link shows."""

    document: Document
    content: Content
    kind: Kind
    original: str


class Links:
    """Made, opened, ended."""

    def __init__(self, runtime: Runtime, kinds: Kinds, originals: Originals) -> None:
        self._runtime = runtime
        self._kinds = kinds
        self._originals = originals
        self._settings = runtime.settings.of(DocumentsSettings)

    def make(
        self,
        person_id: str,
        document_id: str,
        days: int,
        uses: int | None = None,
        parts: Sequence[str] = (),
    ) -> tuple[Link, str]:
        """A link, and its secret, which is shown this once."""
        if not 1 <= days <= self._settings.link_days:
            raise BadRequest(
                N_("A link works for 1 to %(days)s days.", days=self._settings.link_days),
                where="days",
            )
        if uses is not None and not 1 <= uses <= MOST_USES:
            raise BadRequest(N_("A link is opened 1 to %(most)s times.", most=MOST_USES),
                             where="uses")  # fmt: skip
        now, secret = self._runtime.clock.now(), opaque.secret(24)
        with self._runtime.database.write() as uow:
            document = store.own(uow, self._runtime.vault, document_id, person_id)
            if document is None:
                raise NotFound(N_("You have no such document."))
            if document.standing(now) != "valid":
                raise Conflict(N_("Only a document that is valid can be shared."))
            kind = self._kinds.kinds.get((document.issuer, document.kind))
            if kind is None or not set(parts) <= kind.fields.keys():
                raise BadRequest(N_("The document has no such field."), where="parts")
            link = Link(
                opaque.identifier("lnk"),
                document_id,
                person_id,
                tuple(parts),
                uses,
                "active",
                now,
                now + timedelta(days=days),
                None,
            )
            sharing_store.add_link(uow, link, opaque.digest(secret))
            self._note(uow, "document.link_made", person_id, kind, Actor("citizen", person_id))
        return link, secret

    def end(self, person_id: str, document_id: str, link_id: str) -> None:
        """End a link of one's own; one that ended already stays so. Raises NotFound."""
        now = self._runtime.clock.now()
        with self._runtime.database.write() as uow:
            document = store.own(uow, self._runtime.vault, document_id, person_id)
            if document is None:
                raise NotFound(N_("You have no such document."))
            kind = self._kinds.kinds.get((document.issuer, document.kind))
            if sharing_store.end_link(uow, document_id, link_id, now) and kind is not None:
                self._note(uow, "document.link_ended", person_id, kind, Actor("citizen", person_id))

    def peek(self, secret: str, source: str) -> Kind:
        """What kind of document is behind a link, without opening it. Raises Gone."""
        now = self._runtime.clock.now()
        with self._runtime.database.read() as uow:
            link = sharing_store.link(uow, opaque.digest(secret))
            document = None
            if link is not None and link.active_at(now):
                document = store.own(uow, self._runtime.vault, link.document_id, link.person_id)
        kind = self._kinds.kinds.get((document.issuer, document.kind)) if document else None
        if kind is None:
            self._wrong(source, now)
            raise Gone(_NOTHING, next_step=_ASK)
        return kind

    def open(self, secret: str, source: str) -> Opened:
        """Open a link: one of its uses, and an entry in the person's ledger. Raises Gone."""
        now, vault = self._runtime.clock.now(), self._runtime.vault
        found: tuple[Link, Document, Kind] | None = None
        with self._runtime.database.write() as uow:
            link = sharing_store.link(uow, opaque.digest(secret))
            if link is not None and link.active_at(now):
                document = store.own(uow, vault, link.document_id, link.person_id)
                kind = self._kind(document)
                if document is not None and kind is not None and self._use(uow, link):
                    found = link, document, kind
                    self._note(uow, "document.opened", link.person_id, kind, SYSTEM)
        opened = self._opened(*found) if found is not None else None
        if opened is None:
            self._wrong(source, now)
            raise Gone(_NOTHING, next_step=_ASK)
        return opened

    def _kind(self, document: Document | None) -> Kind | None:
        """None as well for what cannot be read any more."""
        if document is None or document.content is None:
            return None
        return self._kinds.kinds.get((document.issuer, document.kind))

    def _opened(self, link: Link, document: Document, kind: Kind) -> Opened | None:
        if document.content is None:
            return None
        fields = {
            name: value
            for name, value in document.content.fields.items()
            if not link.parts or name in link.parts
        }
        shown = Content(
            document.content.number, document.content.name, document.content.birthdate, fields
        )
        original = self._originals.make(document, document.content, kind, link.parts)
        return Opened(document, shown, kind, original)

    def _use(self, uow: UnitOfWork, link: Link) -> bool:
        return link.uses_left is None or sharing_store.use_up(uow, document_links, link.id)

    def _wrong(self, source: str, now: datetime) -> None:
        """Who tries addresses waits: counted in the networks around them."""
        most = self._settings.openings_per_minute
        self._runtime.rates.check_wrong(BUCKET, source, most, MINUTE, now)

    def _note(self, uow: UnitOfWork, what: str, person_id: str, kind: Kind, by: Actor) -> None:
        issuer = self._kinds.issuers[kind.issuer].name
        details = {"issuer": issuer, "document": kind.title, "kind": kind.claim}
        self._runtime.audit.record(uow, what, by, (person_id,), details)
