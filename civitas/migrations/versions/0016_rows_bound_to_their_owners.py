"""Rows bound to their owners, and marks owed to the store of person keys: 0016, after 0015."""

import sqlalchemy as sa
from alembic import op

import foundation.clock

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TABLES = (
    "login_credentials",
    "register_persons",
)


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("row_mac", sa.LargeBinary(), nullable=True))
    op.create_table(
        "row_marks_owed",
        sa.Column("reference", sa.LargeBinary(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until", foundation.clock.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("reference", "version", name=op.f("pk_row_marks_owed")),
    )
