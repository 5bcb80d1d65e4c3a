"""Credentials that a person has ready for a wallet: 0070 (OpenID4VCI)."""

import sqlalchemy as sa
from alembic import op

import foundation.clock

revision = "0070"
down_revision = "0076"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "oauth_pre_authorized_codes",
        sa.Column("code_digest", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("grant_id", sa.String(), nullable=False),
        sa.Column("tx_code_mac", sa.LargeBinary(), nullable=False),
        sa.Column("tries_left", sa.Integer(), nullable=False),
        sa.Column("issued_at", foundation.clock.Instant(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.Column("used_at", foundation.clock.Instant(), nullable=True),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("code_digest", name=op.f("pk_oauth_pre_authorized_codes")),
    )
    op.create_index(
        "ix_oauth_pre_authorized_codes_expires_at", "oauth_pre_authorized_codes", ["expires_at"]
    )
