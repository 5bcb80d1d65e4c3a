"""Sign-ins of devices without a browser: 0063 (RFC 8628)."""

import sqlalchemy as sa
from alembic import op

import foundation.clock
import foundation.database

revision = "0063"
down_revision = "0062"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "oauth_device_codes",
        sa.Column("code_digest", sa.LargeBinary(), nullable=False),
        sa.Column("user_code_digest", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("request", foundation.database.Json(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("grant_id", sa.String(), nullable=True),
        sa.Column("polled_at", foundation.clock.Instant(), nullable=True),
        sa.Column("issued_at", foundation.clock.Instant(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("code_digest", name=op.f("pk_oauth_device_codes")),
    )
    op.create_index(
        "uq_oauth_device_codes_user_code", "oauth_device_codes", ["user_code_digest"], unique=True
    )
    op.create_index("ix_oauth_device_codes_expires_at", "oauth_device_codes", ["expires_at"])
