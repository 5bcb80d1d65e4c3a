"""Credentials in people's wallets, their places in status lists, their ends: 0071."""

import sqlalchemy as sa
from alembic import op

import foundation.clock

revision = "0071"
down_revision = "0070"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "credential_batches",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("wallet", sa.String(length=255), nullable=False),
        sa.Column("configuration", sa.String(length=128), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=True),
        sa.Column("copies", sa.Integer(), nullable=False),
        sa.Column("notification_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("said", sa.String(length=16), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("issued_at", foundation.clock.Instant(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.Column("ended_at", foundation.clock.Instant(), nullable=True),
        sa.Column("ended_because", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credential_batches")),
    )
    for name, columns in (
        ("ix_credential_batches_person_id", ["person_id", "wallet"]),
        ("ix_credential_batches_document_id", ["document_id"]),
        ("ix_credential_batches_expires_at", ["expires_at"]),
    ):
        op.create_index(name, "credential_batches", columns)
    op.create_index(
        "uq_credential_batches_notification",
        "credential_batches",
        ["notification_digest"],
        unique=True,
    )
    op.create_table(
        "credential_copies",
        sa.Column("list", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("idx", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("batch_id", sa.String(length=32), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["credential_batches.id"],
            name=op.f("fk_credential_copies_batch_id"),
        ),
        sa.PrimaryKeyConstraint("list", "idx", name=op.f("pk_credential_copies")),
    )
    op.create_index("ix_credential_copies_batch_id", "credential_copies", ["batch_id"])
    op.create_index("ix_credential_copies_expires_at", "credential_copies", ["expires_at"])
    op.create_table(
        "credential_ends",
        sa.Column("list", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("idx", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ended_at", foundation.clock.Instant(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("list", "idx", name=op.f("pk_credential_ends")),
    )
    op.create_index("ix_credential_ends_expires_at", "credential_ends", ["expires_at"])
    op.create_table(
        "credential_nonces",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_credential_nonces")),
    )
    op.create_index("ix_credential_nonces_expires_at", "credential_nonces", ["expires_at"])
