"""Devices: revision 0004, after 0003."""

import sqlalchemy as sa
from alembic import op

import foundation.clock
import foundation.database

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "devices",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("label", sa.String(length=120), nullable=True),
        sa.Column("owner_kind", sa.String(length=16), nullable=True),
        sa.Column("owner", sa.String(length=120), nullable=True),
        sa.Column("registered_at", foundation.clock.Instant(), nullable=False),
        sa.Column("changed_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
    )
    with op.batch_alter_table("devices", schema=None) as batch_op:
        batch_op.create_index("ix_devices_owner", ["owner_kind", "owner"], unique=False)
        batch_op.create_index("ix_devices_registered_at", ["registered_at", "id"], unique=False)

    op.create_table(
        "device_credentials",
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("thumbprint", sa.String(length=43), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("issued_at", foundation.clock.Instant(), nullable=False),
        sa.Column("not_after", foundation.clock.Instant(), nullable=False),
        sa.Column("first_used_at", foundation.clock.Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_device_credentials_device_id")
        ),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_device_credentials")),
        sa.UniqueConstraint("device_id", "number", name="uq_device_credentials_device_id_number"),
    )
    op.create_table(
        "device_identifiers",
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("scheme", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("issuer", sa.String(length=120), nullable=False),
        sa.Column("verified_by", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_device_identifiers_device_id")
        ),
        sa.UniqueConstraint("scheme", "value", name="uq_device_identifiers_scheme_value"),
    )
    with op.batch_alter_table("device_identifiers", schema=None) as batch_op:
        batch_op.create_index("ix_device_identifiers_device_id", ["device_id"], unique=False)

    op.create_table(
        "device_ownership_events",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("at", foundation.clock.Instant(), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("owner_kind", sa.String(length=16), nullable=True),
        sa.Column("owner", sa.String(length=120), nullable=True),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_device_ownership_events_device_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_ownership_events")),
    )
    with op.batch_alter_table("device_ownership_events", schema=None) as batch_op:
        batch_op.create_index("ix_device_ownership_events_device_id", ["device_id"], unique=False)

    op.create_table(
        "device_state_events",
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", foundation.clock.Instant(), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("before", sa.String(length=16), nullable=True),
        sa.Column("after", sa.String(length=16), nullable=False),
        sa.Column("actor_kind", sa.String(length=16), nullable=False),
        sa.Column("actor_id", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("evidence", foundation.database.Json(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_device_state_events_device_id")
        ),
        sa.PrimaryKeyConstraint("device_id", "number", name=op.f("pk_device_state_events")),
    )
    op.create_table(
        "enrolment_tokens",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("made_at", foundation.clock.Instant(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.Column("withdrawn_at", foundation.clock.Instant(), nullable=True),
        sa.Column("bound_at", foundation.clock.Instant(), nullable=True),
        sa.Column("bound_key", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_enrolment_tokens_device_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_tokens")),
        sa.UniqueConstraint("digest", name="uq_enrolment_tokens_digest"),
    )
    with op.batch_alter_table("enrolment_tokens", schema=None) as batch_op:
        batch_op.create_index("ix_enrolment_tokens_device_id", ["device_id"], unique=False)
