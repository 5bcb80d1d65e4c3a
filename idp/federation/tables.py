"""Tables of the federation: entities, acts, marks that we issued, marks that we hold."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from foundation.clock import Instant
from foundation.database import Json, metadata
from foundation.row_macs import NOW, bound, grants_nothing

STATES = ("applied", "accredited", "suspended", "withdrawn")

federation_entities = Table(
    "federation_entities",
    metadata,
    Column("id", String(40), nullable=False),
    Column("entity_id", String(500), nullable=False),
    Column("organization", String(200), nullable=False),
    Column("entity_types", Json, nullable=False),
    Column("keys", Json, nullable=False),
    Column("state", String(16), nullable=False),
    Column("level", Integer, nullable=True),
    Column("applied_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    PrimaryKeyConstraint("id", name="pk_federation_entities"),
    UniqueConstraint("entity_id", name="uq_federation_entities_entity_id"),
    CheckConstraint(
        "state IN ('applied', 'accredited', 'suspended', 'withdrawn')",
        name="known_state",
    ),
    CheckConstraint("level BETWEEN 1 AND 4", name="known_level"),
)
bound(
    federation_entities,
    "entity_id",
    "organization",
    "entity_types",
    "keys",
    "state",
    "level",
    takes=lambda before, after: bool(
        after["state"] != "accredited"
        or (before["level"] or 0) > (after["level"] or 0)
        or before["keys"] != after["keys"]
        or before["entity_types"] != after["entity_types"]
    ),
    ends={"state": "suspended", "changed_at": NOW},
)

federation_acts = Table(
    "federation_acts",
    metadata,
    Column("id", String(40), nullable=False),
    Column("entity", String(40), nullable=False),
    Column("act", String(16), nullable=False),
    Column("level", Integer, nullable=True),
    Column("reason", Text, nullable=False),
    Column("officer", String(200), nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("id", name="pk_federation_acts"),
    ForeignKeyConstraint(["entity"], ["federation_entities.id"], name="fk_federation_acts_entity"),
    Index("ix_federation_acts_entity_at", "entity", "at"),
)
grants_nothing(federation_acts, "it tells what was decided; the state is the entity's own")

federation_marks = Table(
    "federation_marks",
    metadata,
    Column("id", String(40), nullable=False),
    Column("entity", String(40), nullable=False),
    Column("trust_mark_type", String(600), nullable=False),
    Column("token_digest", LargeBinary(32), nullable=False),
    Column("token", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    PrimaryKeyConstraint("id", name="pk_federation_marks"),
    ForeignKeyConstraint(["entity"], ["federation_entities.id"], name="fk_federation_marks_entity"),
    UniqueConstraint("token_digest", name="uq_federation_marks_token_digest"),
    CheckConstraint("state IN ('active', 'suspended', 'revoked')", name="known_state"),
    Index("ix_federation_marks_entity_expires_at", "entity", "expires_at"),
)
bound(
    federation_marks,
    "entity",
    "trust_mark_type",
    "token_digest",
    "token",
    "state",
    "expires_at",
    only_while={"state": ("active", "suspended")},
    until="expires_at",
    takes=lambda before, after: bool(after["state"] != "active"),
    ends={"state": "revoked"},
)

federation_own_marks = Table(
    "federation_own_marks",
    metadata,
    Column("issuer", String(500), nullable=False),
    Column("trust_mark_type", String(600), nullable=False),
    Column("token", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
    PrimaryKeyConstraint("issuer", "trust_mark_type", name="pk_federation_own_marks"),
)
grants_nothing(federation_own_marks, "each is signed by its issuer, and asked about there")
