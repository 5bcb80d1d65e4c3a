"""Residents' numbers and Virtual IDs: 0062."""

import sqlalchemy as sa
from alembic import op

import foundation.clock

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "register_numbers",
        sa.Column("value", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("allotted_at", foundation.clock.Instant(), nullable=False),
        sa.Column("ended_at", foundation.clock.Instant(), nullable=True),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("value", name=op.f("pk_register_numbers")),
    )
    op.create_index("ix_register_numbers_person_id", "register_numbers", ["person_id"])
    op.create_index(
        "uq_register_numbers_person",
        "register_numbers",
        ["person_id", "kind"],
        unique=True,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )
