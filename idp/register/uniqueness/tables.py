"""Tables of uniqueness: what people are compared by, and the pairs that two officers decide on."""

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from foundation.clock import Instant
from foundation.database import Json, metadata
from foundation.row_macs import bound, grants_nothing

RECORD, DOCUMENT = "record", "document"

# Keyed digests, cut to 64 bits: `of` is what they were made of.
comparison_keys = Table(
    "register_comparison_keys",
    metadata,
    Column("value", LargeBinary(8), primary_key=True),
    Column("person_id", String(32), ForeignKey("register_identifiers.id"), primary_key=True),
    Column("of", String(8), nullable=False),  # record, document
    Index("ix_register_comparison_keys_person_id", "person_id"),
)
grants_nothing(comparison_keys, "without its row a person is compared again at their activation")

# `person_id` waits and may end; `other_id` stays. State: open, proposed (by the first officer),
# same or different. Who was called different is not asked about again.
resemblances = Table(
    "register_resemblances",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("person_id", String(32), ForeignKey("register_identifiers.id"), nullable=False),
    Column("other_id", String(32), ForeignKey("register_identifiers.id"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("score", Integer, nullable=False),
    Column("reasons", Json, nullable=False),
    Column("rules", String(32), nullable=False),
    Column("found_at", Instant, nullable=False),
    Column("found_by", String(16), nullable=False),  # enrolment, correction, evidence, activation
    Column("proposed", String(16)),
    Column("first_officer", String(64)),
    Column("second_officer", String(64)),
    Column("decided_at", Instant),
    Column("sealed_reason", LargeBinary),
    Index("ix_register_resemblances_person_id", "person_id"),
    Index("ix_register_resemblances_other_id", "other_id"),
    Index("ix_register_resemblances_state", "state"),
)
bound(
    resemblances,
    "person_id",
    "other_id",
    "state",
    "proposed",
    "first_officer",
    "second_officer",
    ends={"state": "open"},
)
