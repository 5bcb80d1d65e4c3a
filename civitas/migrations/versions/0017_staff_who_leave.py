"""Staff who leave, clients that are suspended, letters by the printing house: 0017, after 0016."""

import sqlalchemy as sa
from alembic import op

import foundation.clock

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _clients()
    _staff()
    _letters()
    _second_looks()
    for table in ("register_staff_recoveries", "register_letters", "register_second_looks"):
        op.add_column(table, sa.Column("row_mac", sa.LargeBinary(), nullable=True))


def _clients() -> None:
    op.add_column(
        "oauth_clients", sa.Column("previous_secret_mac", sa.LargeBinary(), nullable=True)
    )
    op.add_column(
        "oauth_clients",
        sa.Column("previous_secret_until", foundation.clock.Instant(), nullable=True),
    )
    op.create_table(
        "oauth_suspensions",
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("suspended_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_oauth_suspensions")),
    )


def _staff() -> None:
    op.create_table(
        "register_staff_recoveries",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("staff_id", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("asked_at", foundation.clock.Instant(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.Column("first", sa.String(length=32), nullable=True),
        sa.Column("second", sa.String(length=32), nullable=True),
        sa.Column("ended_at", foundation.clock.Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["staff_id"],
            ["register_staff.id"],
            name=op.f("fk_register_staff_recoveries_staff_id_register_staff"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_staff_recoveries")),
    )


def _letters() -> None:
    op.create_table(
        "register_letter_batches",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("made_by_kind", sa.String(length=16), nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("made_at", foundation.clock.Instant(), nullable=False),
        sa.Column("letters", sa.Integer(), nullable=False),
        sa.Column("file_format", sa.String(length=8), nullable=False),
        sa.Column("encrypted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_letter_batches")),
    )
    op.create_table(
        "register_letters",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("asked_by_kind", sa.String(length=16), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("asked_at", foundation.clock.Instant(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("batch_id", sa.String(length=32), nullable=True),
        sa.Column("printed_at", foundation.clock.Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["register_persons.id"],
            name=op.f("fk_register_letters_person_id_register_persons"),
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["register_letter_batches.id"],
            name=op.f("fk_register_letters_batch_id_register_letter_batches"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_letters")),
    )
    op.create_index("ix_register_letters_person_id", "register_letters", ["person_id"])
    op.create_index("ix_register_letters_state", "register_letters", ["state"])


def _second_looks() -> None:
    op.create_table(
        "register_second_looks",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("decision_id", sa.String(length=32), nullable=False),
        sa.Column("because", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("opened_at", foundation.clock.Instant(), nullable=False),
        sa.Column("looked_by", sa.String(length=64), nullable=True),
        sa.Column("looked_at", foundation.clock.Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["register_identifiers.id"],
            name=op.f("fk_register_second_looks_person_id_register_identifiers"),
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"],
            ["register_proofing_decisions.id"],
            name=op.f("fk_register_second_looks_decision_id_register_proofing_decisions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_second_looks")),
    )
    op.create_index("ix_register_second_looks_person_id", "register_second_looks", ["person_id"])
    op.create_index("ix_register_second_looks_state", "register_second_looks", ["state"])
