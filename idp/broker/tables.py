"""Tables of the broker. No attribute of a person is in them but sealed, and for a session only."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

from foundation.clock import Instant
from foundation.database import Json, metadata
from foundation.row_macs import Once, bound, grants_nothing

broker_providers = Table(
    "broker_providers",
    metadata,
    Column("slug", String(32), nullable=False),
    Column("entity_id", String(500), nullable=False),
    Column("first_offered_at", Instant, nullable=False),
    PrimaryKeyConstraint("slug", name="pk_broker_providers"),
)
bound(broker_providers, "entity_id", remembered=False)

broker_transactions = Table(
    "broker_transactions",
    metadata,
    Column("id", String(40), nullable=False),
    Column("state_digest", LargeBinary(32), nullable=False),
    Column("browser_digest", LargeBinary(32), nullable=False),
    Column("provider", String(32), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False),
    # What came of it, sealed: for who brings the provider's answer twice.
    Column("led_to", LargeBinary, nullable=True),
    Column("started_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    PrimaryKeyConstraint("id", name="pk_broker_transactions"),
    UniqueConstraint("state_digest", name="uq_broker_transactions_state_digest"),
    CheckConstraint("state IN ('waiting', 'answered')", name="known_state"),
    Index("ix_broker_transactions_expires_at", "expires_at"),
)
bound(
    broker_transactions,
    "state_digest",
    "browser_digest",
    "provider",
    "sealed",
    "expires_at",
    only_while={"state": ("waiting",)},
    remembered=False,
    until="expires_at",
    once=Once("sign-ins on their way to a provider", forgotten=True),
)

broker_sessions = Table(
    "broker_sessions",
    metadata,
    Column("id", String(40), nullable=False),
    Column("cookie_digest", LargeBinary(32), nullable=False),
    Column("person_id", String(64), nullable=False),
    Column("provider", String(32), nullable=False),
    Column("level", Integer, nullable=False),
    Column("amr", Json, nullable=False),
    Column("auth_time", Instant, nullable=False),
    Column("sealed_claims", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    PrimaryKeyConstraint("id", name="pk_broker_sessions"),
    UniqueConstraint("cookie_digest", name="uq_broker_sessions_cookie_digest"),
    CheckConstraint("level BETWEEN 1 AND 4", name="known_level"),
    Index("ix_broker_sessions_expires_at", "expires_at"),
)
bound(
    broker_sessions,
    "cookie_digest",
    "person_id",
    "provider",
    "level",
    "amr",
    "auth_time",
    "sealed_claims",
    "expires_at",
    until="expires_at",
)

broker_begun = Table(
    "broker_begun",
    metadata,
    Column("provider", String(32), nullable=False),
    Column("day", String(10), nullable=False),
    Column("times", Integer, nullable=False),
    PrimaryKeyConstraint("provider", "day", name="pk_broker_begun"),
)
grants_nothing(broker_begun, "it counts")

broker_outcomes = Table(
    "broker_outcomes",
    metadata,
    Column("provider", String(32), nullable=False),
    Column("day", String(10), nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("times", Integer, nullable=False),
    PrimaryKeyConstraint("provider", "day", "outcome", name="pk_broker_outcomes"),
)
grants_nothing(broker_outcomes, "it counts")
