"""The instant of the last time stamp, so that each is later than those before: 0040.

Key and certificate of who signs them come from `pki.prepare`, at the end of the upgrade.
"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0063"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pki_last_time_stamp",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pki_last_time_stamp")),
    )
