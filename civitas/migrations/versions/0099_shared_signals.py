"""Streams of events for services, and events on their way (Shared Signals): 0099."""

import sqlalchemy as sa
from alembic import op

import foundation.clock
import foundation.database

revision = "0099"
down_revision = "0098"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "oauth_signal_streams",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=True),
        sa.Column("authorization_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("requested", foundation.database.Json(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", foundation.clock.Instant(), nullable=False),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_signal_streams")),
    )
    op.create_index(
        "uq_oauth_signal_streams_client_id", "oauth_signal_streams", ["client_id"], unique=True
    )
    op.create_table(
        "oauth_signals",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("session_reference", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("created_at", foundation.clock.Instant(), nullable=False),
        sa.Column("due_at", foundation.clock.Instant(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_signals")),
    )
    for column in ("due_at", "client_id", "created_at"):
        op.create_index(f"ix_oauth_signals_{column}", "oauth_signals", [column])
