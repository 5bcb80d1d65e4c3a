"""A log that knows how far it had come, and who cosigned it: 0016, after 0015.

The mark itself is in the store of person keys, which has no history of its own.
"""

import sqlalchemy as sa
from alembic import op

import foundation.clock

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("audit_events", sa.Column("mac", sa.LargeBinary(), nullable=True))
    op.create_index(
        "ix_audit_events_set_aside",
        "audit_events",
        ["id"],
        sqlite_where=sa.text("waiting = 2"),
        postgresql_where=sa.text("waiting = 2"),
    )
    op.create_table(
        "audit_cosignatures",
        sa.Column("tree_size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("witness", sa.String(length=255), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("tree_size", "witness", name=op.f("pk_audit_cosignatures")),
    )
