"""Clients are found by the origin of their pages and by their resource: 0030.

Who fills it for clients that there are is `idp.oauth.prepare`, at the end of the upgrade.
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "oauth_client_addresses",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "client_id", name=op.f("pk_oauth_client_addresses")),
    )
    op.create_index("ix_oauth_client_addresses_client_id", "oauth_client_addresses", ["client_id"])
