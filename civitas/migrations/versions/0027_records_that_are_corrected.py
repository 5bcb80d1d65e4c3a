"""Refused rows as they came, corrections of records, and words to search by: 0027."""

import sqlalchemy as sa
from alembic import op

import foundation.clock
import foundation.database

revision = "0027"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "register_import_rows", sa.Column("more", foundation.database.Json(), nullable=True)
    )
    op.add_column("register_import_rows", sa.Column("sealed_row", sa.LargeBinary(), nullable=True))
    op.add_column("register_import_rows", sa.Column("outcome", sa.String(length=16), nullable=True))
    op.create_table(
        "register_corrections",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("fields", foundation.database.Json(), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("by_kind", sa.String(length=16), nullable=False),
        sa.Column("by_id", sa.String(length=64), nullable=False),
        sa.Column("at", foundation.clock.Instant(), nullable=False),
        sa.Column("second", sa.String(length=64), nullable=True),
        sa.Column("done_at", foundation.clock.Instant(), nullable=True),
        sa.Column("keep_until", foundation.clock.Instant(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["register_identifiers.id"],
            name=op.f("fk_register_corrections_person_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_corrections")),
    )
    for column in ("person_id", "state", "keep_until"):
        op.create_index(f"ix_register_corrections_{column}", "register_corrections", [column])
    op.create_table(
        "register_search_tokens",
        sa.Column("value", sa.LargeBinary(length=8), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["register_persons.id"],
            name=op.f("fk_register_search_tokens_person_id"),
        ),
        sa.PrimaryKeyConstraint("value", "person_id", name=op.f("pk_register_search_tokens")),
    )
    op.create_index("ix_register_search_tokens_person_id", "register_search_tokens", ["person_id"])
