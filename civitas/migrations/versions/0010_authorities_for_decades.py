"""Generations of authorities, lists in partitions, kinds of devices: 0010, after 0009."""

import sqlalchemy as sa
from alembic import op

import foundation.clock

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("pki_authorities", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("generation", sa.Integer(), server_default="1", nullable=False)
        )
        batch_op.add_column(
            sa.Column("partitions", sa.Integer(), server_default="1", nullable=False)
        )
        batch_op.add_column(sa.Column("distrusted_at", foundation.clock.Instant(), nullable=True))
        batch_op.create_unique_constraint(
            op.f("uq_pki_authorities_name_generation"), ["name", "generation"]
        )

    op.create_table(
        "pki_cross_certificates",
        sa.Column("thumbprint", sa.String(length=43), nullable=False),
        sa.Column("subject_kid", sa.String(length=64), nullable=False),
        sa.Column("issuer_kid", sa.String(length=64), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("thumbprint", name=op.f("pk_pki_cross_certificates")),
    )
    with op.batch_alter_table("pki_certificates", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("partition", sa.Integer(), server_default="0", nullable=False)
        )
        batch_op.add_column(
            sa.Column("status_changed_at", foundation.clock.Instant(), nullable=True)
        )
        batch_op.drop_index("ix_pki_certificates_revoked")
        batch_op.create_index(
            "ix_pki_certificates_changed",
            ["authority_kid", "partition", "status_changed_at"],
            unique=False,
            sqlite_where=sa.text("status_changed_at IS NOT NULL"),
            postgresql_where=sa.text("status_changed_at IS NOT NULL"),
        )
    op.execute(
        "UPDATE pki_certificates SET status_changed_at = revoked_at "
        "WHERE state = 'issued' AND revoked_at IS NOT NULL"
    )
    op.create_table(
        "pki_revocation_lists",
        sa.Column("authority_kid", sa.String(length=64), nullable=False),
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("base_number", sa.BigInteger(), nullable=True),
        sa.Column("this_update", foundation.clock.Instant(), nullable=False),
        sa.Column("next_update", foundation.clock.Instant(), nullable=False),
        sa.Column("base_at", foundation.clock.Instant(), nullable=True),
        sa.Column("changes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(
            "authority_kid", "partition", "kind", name=op.f("pk_pki_revocation_lists")
        ),
    )
    op.create_table(
        "pki_banned_keys",
        sa.Column("public_key", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("since", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("public_key", name=op.f("pk_pki_banned_keys")),
    )
    op.add_column(
        "devices",
        sa.Column("profile", sa.String(length=32), server_default="device", nullable=False),
    )
    op.add_column("devices", sa.Column("approved_at", foundation.clock.Instant(), nullable=True))
    op.add_column(
        "device_credentials",
        sa.Column("profile", sa.String(length=32), server_default="device", nullable=False),
    )
