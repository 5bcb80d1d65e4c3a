"""Changes of the means of signing in, and failures that are counted: 0014, after 0013."""

import sqlalchemy as sa
from alembic import op

import foundation.clock

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "login_failures",
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=True),
        sa.Column("subject_id", sa.String(length=64), nullable=True),
        sa.Column("method", sa.String(length=32), nullable=False),
        sa.Column("more", sa.Integer(), nullable=False),
        sa.Column("since", foundation.clock.Instant(), nullable=False),
        sa.Column("until", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_login_failures")),
    )
    op.create_index("ix_login_failures_until", "login_failures", ["until"])
