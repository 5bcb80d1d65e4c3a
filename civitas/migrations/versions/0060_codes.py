"""Apps and code cards that wait to be confirmed: 0060."""

import sqlalchemy as sa
from alembic import op

import foundation.clock

revision = "0060"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "login_enrolments",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("managed", sa.Integer(), nullable=False),
        sa.Column("begun_at", foundation.clock.Instant(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_enrolments")),
    )
    op.create_index(
        "uq_login_enrolments_subject",
        "login_enrolments",
        ["subject_id", "subject_kind", "kind"],
        unique=True,
    )
    op.create_index("ix_login_enrolments_expires_at", "login_enrolments", ["expires_at"])
