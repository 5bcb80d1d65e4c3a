"""Ways back for people who lost every means of signing in: 0026."""

import sqlalchemy as sa
from alembic import op

import foundation.clock

revision = "0026"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "register_recoveries",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("way", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("asked_by_kind", sa.String(length=16), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("asked_at", foundation.clock.Instant(), nullable=False),
        sa.Column("due_at", foundation.clock.Instant(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("ended_at", foundation.clock.Instant(), nullable=True),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["register_persons.id"],
            name=op.f("fk_register_recoveries_person_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_recoveries")),
    )
    op.create_index(
        "ix_register_recoveries_person_id", "register_recoveries", ["person_id", "state"]
    )
    op.create_index(
        "ix_register_recoveries_expires_at", "register_recoveries", ["state", "expires_at"]
    )
    op.create_index(
        "uq_register_recoveries_asked",
        "register_recoveries",
        ["person_id"],
        unique=True,
        sqlite_where=sa.text("state = 'asked'"),
        postgresql_where=sa.text("state = 'asked'"),
    )
