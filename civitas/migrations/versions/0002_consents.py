"""Consents: revision 0002, after 0001."""

import sqlalchemy as sa
from alembic import op

import foundation.clock
import foundation.database

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "consents",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("giver_kind", sa.String(length=16), nullable=False),
        sa.Column("giver_id", sa.String(length=64), nullable=False),
        sa.Column("authority", sa.String(length=64), nullable=True),
        sa.Column("service", sa.String(length=255), nullable=False),
        sa.Column("service_name", sa.String(length=255), nullable=False),
        sa.Column("purpose", sa.String(length=128), nullable=False),
        sa.Column("attributes", foundation.database.Json(), nullable=False),
        sa.Column("refused", foundation.database.Json(), nullable=False),
        sa.Column("classes", foundation.database.Json(), nullable=False),
        sa.Column("explicit", sa.Boolean(), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=True),
        sa.Column("retention_days", sa.Integer(), nullable=False),
        sa.Column("notice_version", sa.String(length=32), nullable=False),
        sa.Column("notice_language", sa.String(length=35), nullable=False),
        sa.Column("notice_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("notice_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("given_at", foundation.clock.Instant(), nullable=False),
        sa.Column("not_before", foundation.clock.Instant(), nullable=False),
        sa.Column("not_after", foundation.clock.Instant(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("ended_at", foundation.clock.Instant(), nullable=True),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "state IN ('active', 'withdrawn', 'expired', 'replaced', 'refused')",
            name=op.f("ck_consents_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    with op.batch_alter_table("consents", schema=None) as batch_op:
        batch_op.create_index("ix_consents_person_service", ["person_id", "service"], unique=False)
        batch_op.create_index("ix_consents_state_not_after", ["state", "not_after"], unique=False)
        batch_op.create_index(
            "uq_consents_active",
            ["person_id", "service", "purpose"],
            unique=True,
            sqlite_where=sa.text("state = 'active'"),
            postgresql_where=sa.text("state = 'active'"),
        )
