"""Tables of the audit: events and whom they concern, the tree, its signed checkpoints."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from foundation.clock import Instant
from foundation.database import metadata
from foundation.row_macs import held

events = Table(
    "audit_events",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("open", LargeBinary, nullable=False),
    # 1 until the event has a leaf: what the sequencer looks for, whatever the order of commits.
    # 2 when it was set aside, because its MAC says that it is not ours.
    Column("waiting", Integer, nullable=False),
    # NULL for what had its leaf before there were MACs; see `audit_mac`.
    Column("mac", LargeBinary, nullable=True),
)
held(events, "its own MAC, and the tree")
Index(
    "ix_audit_events_waiting",
    events.c.at,
    events.c.id,
    sqlite_where=text("waiting = 1"),
    postgresql_where=text("waiting = 1"),
)
Index(
    "ix_audit_events_set_aside",
    events.c.id,
    sqlite_where=text("waiting = 2"),
    postgresql_where=text("waiting = 2"),
)
# An auditor's list, newest first; the ids of one instant are put in order as they are read.
Index("ix_audit_events_at", events.c.at)

subjects = Table(
    "audit_subjects",
    metadata,
    Column("event_id", String(32), ForeignKey("audit_events.id"), primary_key=True),
    # 0, 1, … in the order of the leaf's digests; -1 is the actor's line, which seals nothing.
    Column("position", Integer, primary_key=True, autoincrement=False),
    # A blind index of the person; NULL when nobody is concerned, or after erasure.
    Column("subject", LargeBinary, nullable=True),
    Column("ref", String(32), nullable=False),
    Column("sealed", LargeBinary, nullable=True),
    # The event's own, so that one index has a person's events in their order; `audit verify` holds
    # it to that. NULL where a process of before 0028 wrote the line: see `audit.pages`.
    Column("at", Instant, nullable=True),
    Index("ix_audit_subjects_subject_at", "subject", "at", "event_id"),
)
held(subjects, "its digest is in the leaf of its event, its instant is the event's")

leaves = Table(
    "audit_leaves",
    metadata,
    Column("leaf_index", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", String(32), ForeignKey("audit_events.id"), nullable=False),
    Column("hash", LargeBinary, nullable=False),
    UniqueConstraint("event_id", name="uq_audit_leaves_event_id"),
)
held(leaves, "the signed tree")

nodes = Table(
    "audit_nodes",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
)
held(nodes, "the signed tree")

checkpoints = Table(
    "audit_checkpoints",
    metadata,
    Column("tree_size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
    Column("at", Instant, nullable=False),
)
held(checkpoints, "its signature")

cosignatures = Table(
    "audit_cosignatures",
    metadata,
    Column("tree_size", BigInteger, primary_key=True, autoincrement=False),
    # Name and key id of the witness, as in its verifier key.
    Column("witness", String(255), primary_key=True),
    Column("line", Text, nullable=False),
    Column("at", Instant, nullable=False),
)
held(cosignatures, "the witness's signature")
