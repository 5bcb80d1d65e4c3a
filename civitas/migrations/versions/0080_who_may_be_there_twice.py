"""What people are compared by, and pairs of records that look alike: 0080."""

import sqlalchemy as sa
from alembic import op

import foundation.clock
import foundation.database

revision = "0080"
down_revision = "0072"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "register_comparison_keys",
        sa.Column("value", sa.LargeBinary(length=8), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("of", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["register_identifiers.id"],
            name=op.f("fk_register_comparison_keys_person_id_register_identifiers"),
        ),
        sa.PrimaryKeyConstraint("value", "person_id", name=op.f("pk_register_comparison_keys")),
    )
    op.create_index(
        "ix_register_comparison_keys_person_id", "register_comparison_keys", ["person_id"]
    )
    op.create_table(
        "register_resemblances",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("other_id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("reasons", foundation.database.Json(), nullable=False),
        sa.Column("rules", sa.String(length=32), nullable=False),
        sa.Column("found_at", foundation.clock.Instant(), nullable=False),
        sa.Column("found_by", sa.String(length=16), nullable=False),
        sa.Column("proposed", sa.String(length=16), nullable=True),
        sa.Column("first_officer", sa.String(length=64), nullable=True),
        sa.Column("second_officer", sa.String(length=64), nullable=True),
        sa.Column("decided_at", foundation.clock.Instant(), nullable=True),
        sa.Column("sealed_reason", sa.LargeBinary(), nullable=True),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["register_identifiers.id"],
            name=op.f("fk_register_resemblances_person_id_register_identifiers"),
        ),
        sa.ForeignKeyConstraint(
            ["other_id"],
            ["register_identifiers.id"],
            name=op.f("fk_register_resemblances_other_id_register_identifiers"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_resemblances")),
    )
    for column in ("person_id", "other_id", "state"):
        op.create_index(f"ix_register_resemblances_{column}", "register_resemblances", [column])
