"""What a person allowed in detail stands in the grant: 0052 (RFC 9396)."""

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "oauth_grants",
        sa.Column("authorization_details", foundation.database.Json(), nullable=True),
    )
