"""Whose a service is that was made in the browser, and sign-ins that are tried: 0094."""

import sqlalchemy as sa
from alembic import op

import foundation.clock

revision = "0094"
down_revision = "0093"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "developer_services",
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("owner_kind", sa.String(length=16), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("program", sa.String(length=32), nullable=False),
        sa.Column("url", sa.String(length=1000), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("wish", sa.String(length=4000), nullable=True),
        sa.Column("answer", sa.String(length=500), nullable=True),
        sa.Column("created_at", foundation.clock.Instant(), nullable=False),
        sa.Column("asked_at", foundation.clock.Instant(), nullable=True),
        sa.Column("decided_at", foundation.clock.Instant(), nullable=True),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_developer_services")),
    )
    op.create_index("ix_developer_services_owner_id", "developer_services", ["owner_id"])
    op.create_index("ix_developer_services_state", "developer_services", ["state"])
    op.create_table(
        "developer_trials",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("browser_digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.Column("used_at", foundation.clock.Instant(), nullable=True),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_developer_trials")),
    )
    op.create_index("ix_developer_trials_expires_at", "developer_trials", ["expires_at"])
