"""What was issued into wallets, where it stands in a status list, and what of it has ended.

A credential itself is kept nowhere: its wallet has it. What a row says is enough to end it.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from foundation.clock import Instant
from foundation.database import Json, metadata
from foundation.row_macs import Once, bound, grants_nothing, refuses

credential_batches = Table(
    "credential_batches",
    metadata,
    # Copies of one credential that a wallet got in one answer.
    Column("id", String(32), primary_key=True),
    Column("person_id", String(64), nullable=False),
    Column("wallet", String(255), nullable=False),
    Column("configuration", String(128), nullable=False),
    Column("document_id", String(32)),
    Column("copies", Integer, nullable=False),
    Column("notification_digest", LargeBinary(32), nullable=False),
    # What the wallet said became of it: accepted, failed or deleted.
    Column("said", String(16)),
    Column("state", String(16), nullable=False),  # valid | ended
    Column("issued_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("ended_because", String(64)),
    Index("ix_credential_batches_person_id", "person_id", "wallet"),
    Index("ix_credential_batches_document_id", "document_id"),
    Index("uq_credential_batches_notification", "notification_digest", unique=True),
    Index("ix_credential_batches_expires_at", "expires_at"),
)
grants_nothing(credential_batches, "what a wallet holds is signed; a row says what ends with what")

credential_copies = Table(
    "credential_copies",
    metadata,
    # Where a copy stands in a status list: a place at random, which no other copy has.
    Column("list", Integer, primary_key=True, autoincrement=False),
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("batch_id", String(32), ForeignKey("credential_batches.id"), nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("ix_credential_copies_batch_id", "batch_id"),
    Index("ix_credential_copies_expires_at", "expires_at"),
)
grants_nothing(credential_copies, "it says where a copy is looked up, and not whether it is good")

credential_ends = Table(
    "credential_ends",
    metadata,
    # Copies that are good for nothing any more, as long as somebody could show them.
    Column("list", Integer, primary_key=True, autoincrement=False),
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("ended_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("ix_credential_ends_expires_at", "expires_at"),
)
refuses(credential_ends, until="expires_at")

credential_nonces = Table(
    "credential_nonces",
    metadata,
    # Nonces of key proofs that were used: each counts once (OpenID4VCI §7).
    Column("digest", LargeBinary(32), primary_key=True),
    Column("expires_at", Instant, nullable=False),
    Index("ix_credential_nonces_expires_at", "expires_at"),
)
grants_nothing(credential_nonces, "whoever deletes one has still to show the wallet's own token")

presentation_requests = Table(
    "presentation_requests",
    metadata,
    # A service asks to be shown credentials, and what came of it, for some minutes.
    Column("id", String(32), primary_key=True),
    Column("service", String(255), nullable=False),
    Column("service_name", String(255), nullable=False),
    Column("purpose", String(128), nullable=False),
    # What is asked for: a kind of credential, the claims of it, and values that they must have.
    Column("wanted", Json, nullable=False),
    Column("nonce", String(64), nullable=False),
    # The key that answers are encrypted to, sealed; none where they come in clear.
    Column("key_sealed", LargeBinary),
    Column("return_to", String(2048)),
    Column("browser_digest", LargeBinary(32)),
    Column("state", String(16), nullable=False),  # waiting | shown | refused | declined
    # What was shown, or why it did not count: sealed, and deleted soon.
    Column("result_sealed", LargeBinary),
    Column("asked_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("kept_until", Instant, nullable=False),
    Index("ix_presentation_requests_kept_until", "kept_until"),
)
bound(
    presentation_requests,
    "service",
    "service_name",
    "purpose",
    "wanted",
    "nonce",
    "key_sealed",
    "return_to",
    "browser_digest",
    "expires_at",
    only_while={"state": ("waiting",)},
    remembered=False,
    until="expires_at",
    ends={"state": "declined"},
    once=Once("requests to show credentials", forgotten=True),
)
