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
    op.create_table(
        "login_removals",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("credential_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("asked_at", foundation.clock.Instant(), nullable=False),
        sa.Column("due_at", foundation.clock.Instant(), nullable=False),
        sa.Column("ended_at", foundation.clock.Instant(), nullable=True),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_removals")),
    )
    op.create_index("ix_login_removals_subject", "login_removals", ["subject_id", "state"])
    op.create_index("ix_login_removals_due_at", "login_removals", ["state", "due_at"])
    op.create_index(
        "uq_login_removals_asked",
        "login_removals",
        ["credential_id"],
        unique=True,
        sqlite_where=sa.text("state = 'asked'"),
        postgresql_where=sa.text("state = 'asked'"),
    )
    op.create_table(
        "register_notices",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("at", foundation.clock.Instant(), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sent_at", foundation.clock.Instant(), nullable=True),
        sa.Column("seen_at", foundation.clock.Instant(), nullable=True),
        sa.Column("keep_until", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_notices")),
    )
    op.create_index("ix_register_notices_subject", "register_notices", ["subject_id", "seen_at"])
