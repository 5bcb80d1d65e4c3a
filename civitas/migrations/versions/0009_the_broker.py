"""The broker: revision 0009, after 0008."""

import sqlalchemy as sa
from alembic import op

import foundation.clock
import foundation.database

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "broker_outcomes",
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "day", "outcome", name="pk_broker_outcomes"),
    )
    op.create_table(
        "broker_providers",
        sa.Column("slug", sa.String(length=32), nullable=False),
        sa.Column("entity_id", sa.String(length=500), nullable=False),
        sa.Column("first_offered_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("slug", name="pk_broker_providers"),
    )
    op.create_table(
        "broker_sessions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("cookie_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("amr", foundation.database.Json(), nullable=False),
        sa.Column("auth_time", foundation.clock.Instant(), nullable=False),
        sa.Column("sealed_claims", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", foundation.clock.Instant(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.CheckConstraint("level BETWEEN 1 AND 4", name=op.f("ck_broker_sessions_known_level")),
        sa.PrimaryKeyConstraint("id", name="pk_broker_sessions"),
        sa.UniqueConstraint("cookie_digest", name="uq_broker_sessions_cookie_digest"),
    )
    with op.batch_alter_table("broker_sessions", schema=None) as batch_op:
        batch_op.create_index("ix_broker_sessions_expires_at", ["expires_at"], unique=False)

    op.create_table(
        "broker_transactions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("state_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("browser_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("started_at", foundation.clock.Instant(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'answered')", name=op.f("ck_broker_transactions_known_state")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_broker_transactions"),
        sa.UniqueConstraint("state_digest", name="uq_broker_transactions_state_digest"),
    )
    with op.batch_alter_table("broker_transactions", schema=None) as batch_op:
        batch_op.create_index("ix_broker_transactions_expires_at", ["expires_at"], unique=False)
