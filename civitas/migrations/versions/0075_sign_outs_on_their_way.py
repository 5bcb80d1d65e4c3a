"""Sign-outs on their way to services: 0075 (OpenID Connect Back-Channel Logout 1.0)."""

import sqlalchemy as sa
from alembic import op

import foundation.clock

revision = "0075"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "oauth_sign_outs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("session_reference", sa.String(), nullable=False),
        sa.Column("created_at", foundation.clock.Instant(), nullable=False),
        sa.Column("due_at", foundation.clock.Instant(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_sign_outs")),
    )
    op.create_index("ix_oauth_sign_outs_due_at", "oauth_sign_outs", ["due_at"])
    op.create_index("ix_oauth_sign_outs_client_id", "oauth_sign_outs", ["client_id"])
