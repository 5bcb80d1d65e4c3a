"""Who signs in at test services, and what becomes of the requests of each service: 0093."""

import sqlalchemy as sa
from alembic import op

import foundation.clock

revision = "0093"
down_revision = "0090"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "oauth_testers",
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("added_at", foundation.clock.Instant(), nullable=False),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("client_id", "person_id", name=op.f("pk_oauth_testers")),
    )
    op.create_index("ix_oauth_testers_person_id", "oauth_testers", ["person_id"])
    op.create_table(
        "oauth_client_refusals",
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("place", sa.String(length=100), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("said", sa.String(length=300), nullable=False),
        sa.Column("why", sa.String(length=500), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("first_at", foundation.clock.Instant(), nullable=False),
        sa.Column("last_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "digest", name=op.f("pk_oauth_client_refusals")),
    )
    op.create_index("ix_oauth_client_refusals_last_at", "oauth_client_refusals", ["last_at"])
    op.create_table(
        "oauth_client_days",
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "day", "kind", name=op.f("pk_oauth_client_days")),
    )
    op.create_index("ix_oauth_client_days_day", "oauth_client_days", ["day"])
