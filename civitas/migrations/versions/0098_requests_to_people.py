"""What services ask people who are not at them (CIBA): 0098."""

import sqlalchemy as sa
from alembic import op

import foundation.clock
import foundation.database

revision = "0098"
down_revision = "0094"
branch_labels = None
depends_on = None

_TABLE = "oauth_backchannel_requests"


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("code_digest", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("request", foundation.database.Json(), nullable=False),
        sa.Column("binding_message", sa.String(), nullable=True),
        sa.Column("notification_token", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("grant_id", sa.String(), nullable=True),
        sa.Column("polled_at", foundation.clock.Instant(), nullable=True),
        sa.Column("ping_at", foundation.clock.Instant(), nullable=True),
        sa.Column("pings", sa.Integer(), nullable=False),
        sa.Column("issued_at", foundation.clock.Instant(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("code_digest", name=op.f(f"pk_{_TABLE}")),
    )
    op.create_index("uq_oauth_backchannel_requests_id", _TABLE, ["id"], unique=True)
    for column in ("person_id", "ping_at", "expires_at"):
        op.create_index(f"ix_{_TABLE}_{column}", _TABLE, [column])
