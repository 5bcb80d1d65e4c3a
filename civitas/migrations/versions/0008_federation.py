"""Federation: revision 0008, after 0007."""

import sqlalchemy as sa
from alembic import op

import foundation.clock
import foundation.database

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "federation_entities",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("entity_id", sa.String(length=500), nullable=False),
        sa.Column("organization", sa.String(length=200), nullable=False),
        sa.Column("entity_types", foundation.database.Json(), nullable=False),
        sa.Column("keys", foundation.database.Json(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("applied_at", foundation.clock.Instant(), nullable=False),
        sa.Column("changed_at", foundation.clock.Instant(), nullable=False),
        sa.CheckConstraint(
            "state IN ('applied', 'accredited', 'suspended', 'withdrawn')",
            name=op.f("ck_federation_entities_known_state"),
        ),
        sa.CheckConstraint(
            "level BETWEEN 1 AND 4", name=op.f("ck_federation_entities_known_level")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_federation_entities"),
        sa.UniqueConstraint("entity_id", name="uq_federation_entities_entity_id"),
    )
    op.create_table(
        "federation_own_marks",
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("trust_mark_type", sa.String(length=600), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "trust_mark_type", name="pk_federation_own_marks"),
    )
    op.create_table(
        "federation_acts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("officer", sa.String(length=200), nullable=False),
        sa.Column("at", foundation.clock.Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entity"], ["federation_entities.id"], name="fk_federation_acts_entity"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_federation_acts"),
    )
    with op.batch_alter_table("federation_acts", schema=None) as batch_op:
        batch_op.create_index("ix_federation_acts_entity_at", ["entity", "at"], unique=False)

    op.create_table(
        "federation_marks",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("trust_mark_type", sa.String(length=600), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("issued_at", foundation.clock.Instant(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.CheckConstraint(
            "state IN ('active', 'suspended', 'revoked')",
            name=op.f("ck_federation_marks_known_state"),
        ),
        sa.ForeignKeyConstraint(
            ["entity"], ["federation_entities.id"], name="fk_federation_marks_entity"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_federation_marks"),
        sa.UniqueConstraint("token_digest", name="uq_federation_marks_token_digest"),
    )
    with op.batch_alter_table("federation_marks", schema=None) as batch_op:
        batch_op.create_index(
            "ix_federation_marks_entity_expires_at", ["entity", "expires_at"], unique=False
        )
