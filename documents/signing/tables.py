"""Signatures that were asked for, and what came of them."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Integer, LargeBinary, String, Table

from foundation.clock import Instant
from foundation.database import Json, metadata
from foundation.row_macs import Once, bound

transactions = Table(
    "signing_transactions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("service_id", String(500), nullable=False),
    # Whom the service named; from the answer on, who gave it.
    Column("person_id", String(64), nullable=True),
    Column("level", Integer, nullable=False),
    # What is signed and how: titles, hashes, form. Immutable.
    Column("asked", Json, nullable=False),
    Column("return_uri", String(1000), nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    # Until when the person may answer.
    Column("expires_at", Instant, nullable=False),
    Column("decided_at", Instant, nullable=True),
    # Signatures and certificates, once they are made.
    Column("result", Json, nullable=True),
    # Signature activation data (CSC), unspent.
    Column("sad_digest", LargeBinary(32), nullable=True),
    # When it is forgotten here.
    Column("kept_until", Instant, nullable=False),
    CheckConstraint(
        "state IN ('waiting', 'signing', 'signed', 'refused', 'failed')", name="known_state"
    ),
    Index("ix_signing_transactions_kept_until", "kept_until"),
    Index("ix_signing_transactions_service_id", "service_id", "state"),
)
# What is signed in a person's name must be what they were shown; afterwards nothing follows of it.
bound(
    transactions,
    "service_id",
    "person_id",
    "level",
    "asked",
    "return_uri",
    "expires_at",
    only_while={"state": ("waiting", "signing")},
    remembered=False,
    until="expires_at",
    read_first=True,
    once=Once("signatures that wait for a person", forgotten=True),
)
