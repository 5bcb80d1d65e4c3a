"""Certificates: revision 0003, after 0002."""

import sqlalchemy as sa
from alembic import op

import foundation.clock
import foundation.database

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pki_authorities",
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("issuer_kid", sa.String(length=64), nullable=False),
        sa.Column("created_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_pki_authorities")),
    )
    op.create_table(
        "pki_certificates",
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("authority_kid", sa.String(length=64), nullable=False),
        sa.Column("profile", sa.String(length=32), nullable=False),
        sa.Column("holder", sa.String(length=256), nullable=False),
        sa.Column("reference", sa.String(length=160), nullable=False),
        sa.Column("common_name", sa.String(length=64), nullable=False),
        sa.Column("names", foundation.database.Json(), nullable=False),
        sa.Column("public_key", sa.String(length=64), nullable=False),
        sa.Column("public_key_der", sa.LargeBinary(), nullable=False),
        sa.Column("to_be_signed", sa.LargeBinary(), nullable=False),
        sa.Column("not_before", foundation.clock.Instant(), nullable=False),
        sa.Column("not_after", foundation.clock.Instant(), nullable=False),
        sa.Column("recorded_at", foundation.clock.Instant(), nullable=False),
        sa.Column("issued_at", foundation.clock.Instant(), nullable=True),
        sa.Column("certificate", sa.LargeBinary(), nullable=True),
        sa.Column("thumbprint", sa.String(length=43), nullable=True),
        sa.Column("revoked_at", foundation.clock.Instant(), nullable=True),
        sa.Column("revocation_reason", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_pki_certificates")),
    )
    with op.batch_alter_table("pki_certificates", schema=None) as batch_op:
        batch_op.create_index("ix_pki_certificates_holder", ["holder"], unique=False)
        batch_op.create_index(
            "ix_pki_certificates_revoked",
            ["authority_kid", "revoked_at"],
            unique=False,
            sqlite_where=sa.text("revoked_at IS NOT NULL"),
            postgresql_where=sa.text("revoked_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_pki_certificates_unsigned",
            ["state"],
            unique=False,
            sqlite_where=sa.text("state = 'recorded'"),
            postgresql_where=sa.text("state = 'recorded'"),
        )
        batch_op.create_index(
            "uq_pki_certificates_reference",
            ["reference"],
            unique=True,
            sqlite_where=sa.text("state != 'void'"),
            postgresql_where=sa.text("state != 'void'"),
        )

    op.create_table(
        "pki_held_keys",
        sa.Column("public_key", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=256), nullable=False),
        sa.Column("since", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("public_key", name=op.f("pk_pki_held_keys")),
    )
