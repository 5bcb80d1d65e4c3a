"""Means that their holder locked, and which browser a session began in: 0061."""

import sqlalchemy as sa
from alembic import op

import foundation.clock

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "login_locks",
        sa.Column("credential_id", sa.String(length=40), nullable=False),
        sa.Column("locked_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("credential_id", name=op.f("pk_login_locks")),
    )
    op.add_column("login_sessions", sa.Column("device", sa.String(length=80), nullable=True))
