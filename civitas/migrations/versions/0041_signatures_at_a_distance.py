"""Signatures that services ask people for, and what came of them: 0041."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signing_transactions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("service_id", sa.String(length=500), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=True),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("return_uri", sa.String(length=1000), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("sad_digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("kept_until", sa.BigInteger(), nullable=False),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'signing', 'signed', 'refused', 'failed')",
            name=op.f("ck_signing_transactions_known_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_transactions")),
    )
    op.create_index("ix_signing_transactions_kept_until", "signing_transactions", ["kept_until"])
    op.create_index(
        "ix_signing_transactions_service_id", "signing_transactions", ["service_id", "state"]
    )
