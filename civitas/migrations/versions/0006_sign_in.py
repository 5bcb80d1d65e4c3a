"""Sign-in: revision 0006, after 0005."""

import sqlalchemy as sa
from alembic import op

import foundation.clock
import foundation.database

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "login_challenges",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("browser", sa.LargeBinary(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=True),
        sa.Column("session_id", sa.String(length=40), nullable=True),
        sa.Column("state", foundation.database.Json(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.Column("used_at", foundation.clock.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_challenges")),
    )
    with op.batch_alter_table("login_challenges", schema=None) as batch_op:
        batch_op.create_index("ix_login_challenges_expires_at", ["expires_at"], unique=False)

    op.create_table(
        "login_credentials",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("label", sa.String(length=80), nullable=False),
        sa.Column("lookup", sa.LargeBinary(length=32), nullable=True),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("data", foundation.database.Json(), nullable=False),
        sa.Column("counter", sa.Integer(), nullable=False),
        sa.Column("created_at", foundation.clock.Instant(), nullable=False),
        sa.Column("used_at", foundation.clock.Instant(), nullable=True),
        sa.Column("ended_at", foundation.clock.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_credentials")),
    )
    with op.batch_alter_table("login_credentials", schema=None) as batch_op:
        batch_op.create_index("ix_login_credentials_subject", ["subject_id", "state"], unique=False)
        batch_op.create_index("uq_login_credentials_lookup", ["lookup"], unique=True)

    op.create_table(
        "login_sessions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("used", foundation.database.Json(), nullable=False),
        sa.Column("auth_time", foundation.clock.Instant(), nullable=False),
        sa.Column("signed_in_for", sa.LargeBinary(length=32), nullable=True),
        sa.Column("activated", sa.Boolean(), nullable=False),
        sa.Column("created_at", foundation.clock.Instant(), nullable=False),
        sa.Column("seen_at", foundation.clock.Instant(), nullable=False),
        sa.Column("ends_at", foundation.clock.Instant(), nullable=False),
        sa.Column("ended_at", foundation.clock.Instant(), nullable=True),
        sa.Column("end_reason", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_sessions")),
    )
    with op.batch_alter_table("login_sessions", schema=None) as batch_op:
        batch_op.create_index("ix_login_sessions_ends_at", ["ends_at"], unique=False)
        batch_op.create_index("ix_login_sessions_subject", ["subject_id", "ended_at"], unique=False)
        batch_op.create_index("uq_login_sessions_token_digest", ["token_digest"], unique=True)
