"""Applications that people fill in online, and codes that were sent to their addresses: 0090."""

import sqlalchemy as sa
from alembic import op

import foundation.clock

revision = "0090"
down_revision = "0080"
branch_labels = None
depends_on = None


def upgrade() -> None:
    instant = foundation.clock.Instant
    op.create_table(
        "register_online_applications",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("resume", sa.LargeBinary(length=32), nullable=False),
        sa.Column("access", sa.Integer(), nullable=False),
        sa.Column("renewed_by", sa.LargeBinary(length=32), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("way", sa.String(length=8), nullable=True),
        sa.Column("terms_version", sa.String(length=32), nullable=True),
        sa.Column("notice_version", sa.String(length=32), nullable=True),
        sa.Column("policy_version", sa.String(length=32), nullable=True),
        sa.Column("agreed_at", instant(), nullable=True),
        sa.Column("contact", sa.LargeBinary(length=32), nullable=True),
        sa.Column("contact_at", instant(), nullable=True),
        sa.Column("begun_at", instant(), nullable=False),
        sa.Column("sent_at", instant(), nullable=True),
        sa.Column("due_at", instant(), nullable=True),
        sa.Column("urgent", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("officer", sa.String(length=64), nullable=True),
        sa.Column("leased_at", instant(), nullable=True),
        sa.Column("person_id", sa.String(length=32), nullable=True),
        sa.Column("expires_at", instant(), nullable=False),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["register_identifiers.id"],
            name=op.f("fk_register_online_applications_person_id_register_identifiers"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_online_applications")),
        sa.UniqueConstraint("number", name=op.f("uq_register_online_applications_number")),
        sa.UniqueConstraint("resume", name=op.f("uq_register_online_applications_resume")),
    )
    for name, columns in (
        ("state", ["state", "due_at"]),
        ("expires_at", ["expires_at"]),
        ("person_id", ["person_id"]),
    ):
        op.create_index(
            f"ix_register_online_applications_{name}", "register_online_applications", columns
        )
    op.create_table(
        "register_online_parts",
        sa.Column("application_id", sa.String(length=32), nullable=False),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("application_id", "step", name=op.f("pk_register_online_parts")),
    )
    op.create_table(
        "register_contact_codes",
        sa.Column("application_id", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("contact", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sent_at", instant(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("expires_at", instant(), nullable=False),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("application_id", name=op.f("pk_register_contact_codes")),
    )
    op.create_index(
        "ix_register_contact_codes_expires_at", "register_contact_codes", ["expires_at"]
    )
