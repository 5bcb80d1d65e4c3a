"""Services that register themselves: 0076 (RFC 7591, RFC 7592)."""

import sqlalchemy as sa
from alembic import op

import foundation.clock

revision = "0076"
down_revision = "0075"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "oauth_initial_access_tokens",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("created_at", foundation.clock.Instant(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_initial_access_tokens")),
    )
    op.create_index(
        "uq_oauth_initial_access_tokens_digest",
        "oauth_initial_access_tokens",
        ["token_digest"],
        unique=True,
    )
    op.create_index(
        "ix_oauth_initial_access_tokens_expires_at", "oauth_initial_access_tokens", ["expires_at"]
    )
    op.create_table(
        "oauth_registration_tokens",
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("former_digest", sa.LargeBinary(), nullable=True),
        sa.Column("issued_at", foundation.clock.Instant(), nullable=False),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_oauth_registration_tokens")),
    )
