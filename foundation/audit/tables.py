"""Tables of the audit: events and whom they concern, the tree, its signed checkpoints."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from foundation.audit.compact import OpenPart
from foundation.clock import Instant
from foundation.database import metadata
from foundation.row_macs import held

# On SQLite the key of a table by number is the row itself, without an index beside it.
_NUMBER = BigInteger().with_variant(Integer, "sqlite")

events = Table(
    "audit_events",
    metadata,
    # By which the other tables refer to it: the one copy of the id, which is ten times as long, is
    # here and in one index. Of this database alone: nothing that is public or under a MAC has it.
    Column("number", _NUMBER, Identity(), primary_key=True),
    # Before what has no fixed length: PostgreSQL fills up to eight bytes in front of such a number.
    Column("at", Instant, nullable=False),
    Column("id", String(32), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("open", OpenPart, nullable=False),
    # NULL for what had its leaf before there were MACs; see `audit_mac`.
    Column("mac", LargeBinary, nullable=True),
    UniqueConstraint("id", name="uq_audit_events_id"),
    sqlite_autoincrement=True,
)
held(events, "its own MAC, and the tree")
# An auditor's list, newest first; the events of one instant are put in order as they are read.
Index("ix_audit_events_at", events.c.at)

# What the sequencer looks for, whatever the order of commits: 1 until the event has a leaf, 2 when
# it was set aside, because its MAC says that it is not ours. A table of its own, so that the row of
# an event is written once.
waiting = Table(
    "audit_waiting",
    metadata,
    Column(
        "event", _NUMBER, ForeignKey("audit_events.number"), primary_key=True, autoincrement=False
    ),
    Column("state", Integer, nullable=False),
)
held(waiting, "the MAC of its event; one that is missing here and has no leaf is told")

subjects = Table(
    "audit_subjects",
    metadata,
    Column(
        "event", _NUMBER, ForeignKey("audit_events.number"), primary_key=True, autoincrement=False
    ),
    # The event's own, so that one index has a person's events in their order; `audit verify` holds
    # it to that. NULL where a process of before 0028 wrote the line: see `audit.pages`.
    Column("at", Instant, nullable=True),
    # 0, 1, … in the order of the leaf's digests; -1 is the actor's line, which seals nothing.
    Column("position", Integer, primary_key=True, autoincrement=False),
    # A blind index of the person; NULL when nobody is concerned, or after erasure.
    Column("subject", LargeBinary, nullable=True),
    Column("sealed", LargeBinary, nullable=True),
    Index("ix_audit_subjects_subject_at", "subject", "at"),
    sqlite_with_rowid=False,
)
held(subjects, "its digest is in the leaf of its event, its instant is the event's")

leaves = Table(
    "audit_leaves",
    metadata,
    Column("leaf_index", _NUMBER, primary_key=True, autoincrement=False),
    Column("event", _NUMBER, ForeignKey("audit_events.number"), nullable=False),
    Column("hash", LargeBinary, nullable=False),
    UniqueConstraint("event", name="uq_audit_leaves_event"),
)
held(leaves, "the signed tree")

# Complete subtrees of 2^LOWEST leaves and more; a smaller one is computed from its leaves.
LOWEST = 4
nodes = Table(
    "audit_nodes",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
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
