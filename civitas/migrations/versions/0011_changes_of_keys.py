"""When an authority begins to sign, and devices that take a second key: 0011, after 0010."""

import sqlalchemy as sa
from alembic import op

import foundation.clock

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "pki_authorities", sa.Column("signs_from", foundation.clock.Instant(), nullable=True)
    )
    op.add_column(
        "pki_authorities", sa.Column("recover_until", foundation.clock.Instant(), nullable=True)
    )
    op.create_table(
        "device_changeovers",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("from_profile", sa.String(length=32), nullable=False),
        sa.Column("to_profile", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("planned_at", foundation.clock.Instant(), nullable=False),
        sa.Column("starts_at", foundation.clock.Instant(), nullable=False),
        sa.Column("ends_at", foundation.clock.Instant(), nullable=False),
        sa.Column("changed_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_changeovers")),
    )
    op.create_index(
        "uq_device_changeovers_open",
        "device_changeovers",
        ["to_profile"],
        unique=True,
        sqlite_where=sa.text("state IN ('planned', 'running', 'paused')"),
        postgresql_where=sa.text("state IN ('planned', 'running', 'paused')"),
    )
    op.create_index(
        "ix_device_credentials_profile", "device_credentials", ["profile", "state", "device_id"]
    )
