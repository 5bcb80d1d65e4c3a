"""Keys from before a device changed hands, and devices that came back late: 0022, after 0024."""

import sqlalchemy as sa
from alembic import op

import foundation.clock

revision = "0022"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "pki_held_keys", sa.Column("retired_at", foundation.clock.Instant(), nullable=True)
    )
    # Of the transfers so far.
    op.execute(
        "UPDATE pki_held_keys SET retired_at = (SELECT max(e.at) FROM device_ownership_events e "
        "WHERE e.device_id = pki_held_keys.holder AND e.act = 'transfer' "
        "AND e.at >= pki_held_keys.since)"
    )
    op.create_index(
        "ix_device_state_events_come_back",
        "device_state_events",
        ["at"],
        sqlite_where=sa.text("act = 'come_back'"),
        postgresql_where=sa.text("act = 'come_back'"),
    )
