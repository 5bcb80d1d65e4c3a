"""Documents, their versions, what was asked for, and what is shared with whom.

What a document says is sealed under its person's key; its number is kept as a blind index.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from foundation.clock import Instant
from foundation.database import Json, metadata
from foundation.row_macs import NOW, Once, bound, grants_nothing

STATES = ("valid", "suspended", "revoked")

documents = Table(
    "documents",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("person_id", String(64), nullable=False),
    Column("issuer", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("number_index", LargeBinary(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("valid_until", Instant),
    Column("changed_at", Instant, nullable=False),
    CheckConstraint(f"state IN {STATES!r}", name="state"),
    UniqueConstraint("issuer", "kind", "number_index", name="uq_documents_number"),
    Index("ix_documents_person_id", "person_id", "issued_at", "id"),
)
bound(
    documents,
    "person_id",
    "issuer",
    "kind",
    "number_index",
    "state",
    "version",
    "issued_at",
    "valid_until",
    only_while={"state": ("valid", "suspended")},
    takes=lambda before, after: after["state"] != "valid",
    ends={"state": "suspended", "changed_at": NOW},
)

document_versions = Table(
    "document_versions",
    metadata,
    # What a document said before it was replaced, and each change of its state.
    Column("document_id", String(32), ForeignKey("documents.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("act", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("reason", String(300), nullable=False),
    Column("sealed", LargeBinary),
)
grants_nothing(document_versions, "it tells what was; the document's own row says what is")

document_requests = Table(
    "document_requests",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("person_id", String(64), nullable=False),
    Column("service", String(255), nullable=False),
    Column("service_name", String(255), nullable=False),
    Column("purpose", String(128), nullable=False),
    # Claims, each with the fields that are asked for (empty: all).
    Column("wanted", Json, nullable=False),
    Column("return_to", String(2048)),
    Column("state", String(16), nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("answered_at", Instant),
    CheckConstraint("state IN ('asked', 'shared', 'refused')", name="state"),
    Index("ix_document_requests_person_id", "person_id", "state", "expires_at"),
    Index("ix_document_requests_expires_at", "expires_at"),
)
bound(
    document_requests,
    "person_id",
    "service",
    "service_name",
    "purpose",
    "wanted",
    "return_to",
    "expires_at",
    only_while={"state": ("asked",)},
    remembered="soon",
    until="expires_at",
    ends={"state": "refused", "answered_at": NOW},
    once=Once("requests for documents"),
)

document_shares = Table(
    "document_shares",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("request_id", String(32), nullable=False),
    Column("document_id", String(32), ForeignKey("documents.id"), nullable=False),
    Column("person_id", String(64), nullable=False),
    Column("service", String(255), nullable=False),
    Column("purpose", String(128), nullable=False),
    Column("parts", Json, nullable=False),
    Column("uses_left", Integer),
    Column("state", String(16), nullable=False),
    Column("given_at", Instant, nullable=False),
    Column("not_after", Instant, nullable=False),
    Column("ended_at", Instant),
    Index("ix_document_shares_service", "document_id", "service"),
    Index("ix_document_shares_person_id", "person_id", "service"),
    Index("ix_document_shares_request_id", "request_id"),
)
bound(
    document_shares,
    "document_id",
    "person_id",
    "service",
    "purpose",
    "parts",
    "uses_left",
    "not_after",
    only_while={"state": ("active",)},
    until="not_after",
    ends={"state": "ended", "ended_at": NOW},
)

document_links = Table(
    "document_links",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("document_id", String(32), ForeignKey("documents.id"), nullable=False),
    Column("person_id", String(64), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("parts", Json, nullable=False),
    Column("uses_left", Integer),
    Column("state", String(16), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("not_after", Instant, nullable=False),
    Column("ended_at", Instant),
    UniqueConstraint("digest", name="uq_document_links_digest"),
    Index("ix_document_links_document_id", "document_id"),
)
bound(
    document_links,
    "document_id",
    "person_id",
    "digest",
    "parts",
    "uses_left",
    "not_after",
    only_while={"state": ("active",)},
    until="not_after",
    ends={"state": "ended", "ended_at": NOW},
)

document_mismatches = Table(
    "document_mismatches",
    metadata,
    # An office has a document for the person, under another name or birth date.
    Column("person_id", String(64), primary_key=True),
    Column("issuer", String(32), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("what", Json, nullable=False),
    Column("at", Instant, nullable=False),
)
grants_nothing(document_mismatches, "it keeps a document away, and gives none")
