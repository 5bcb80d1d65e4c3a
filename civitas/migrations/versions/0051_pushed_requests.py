"""Authorization requests that clients push; keys that codes and refresh tokens are bound to: 0051.

What was issued before is bound to no key, as it was. Codes and refresh tokens get their MAC anew at
the end of the upgrade (`foundation.rows.check.bind_existing`).
"""

import sqlalchemy as sa
from alembic import op

import foundation.clock
import foundation.database

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "oauth_pushed_requests",
        sa.Column("uri_digest", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("parameters", foundation.database.Json(), nullable=False),
        sa.Column("signed", sa.Boolean(), nullable=False),
        sa.Column("browser_digest", sa.LargeBinary(), nullable=True),
        sa.Column("issued_at", foundation.clock.Instant(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.Column("used_at", foundation.clock.Instant(), nullable=True),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("uri_digest", name=op.f("pk_oauth_pushed_requests")),
    )
    op.create_index("ix_oauth_pushed_requests_expires_at", "oauth_pushed_requests", ["expires_at"])
    op.add_column("oauth_codes", sa.Column("key_thumbprint", sa.String(), nullable=True))
    op.add_column("oauth_refresh_tokens", sa.Column("key_thumbprint", sa.String(), nullable=True))
