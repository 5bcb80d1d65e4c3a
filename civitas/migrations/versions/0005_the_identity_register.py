"""The identity register: revision 0005, after 0004."""

import sqlalchemy as sa
from alembic import op

import foundation.clock
import foundation.database

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "register_identifiers",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("allotted_at", foundation.clock.Instant(), nullable=False),
        sa.Column("ended_at", foundation.clock.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_identifiers")),
    )
    op.create_table(
        "register_imports",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("file_format", sa.String(length=8), nullable=False),
        sa.Column("policy_version", sa.String(length=32), nullable=False),
        sa.Column("actor_kind", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("started_at", foundation.clock.Instant(), nullable=False),
        sa.Column("finished_at", foundation.clock.Instant(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("sealed_content", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_imports")),
    )
    op.create_table(
        "register_sign_in_names",
        sa.Column("value", sa.LargeBinary(length=32), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=32), nullable=False),
        sa.Column("sealed_name", sa.LargeBinary(), nullable=False),
        sa.Column("claimed_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("value", name=op.f("pk_register_sign_in_names")),
        sa.UniqueConstraint(
            "subject_kind",
            "subject_id",
            name=op.f("uq_register_sign_in_names_subject_kind_subject_id"),
        ),
    )
    op.create_table(
        "register_staff",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("sealed_name", sa.LargeBinary(), nullable=False),
        sa.Column("own_number", sa.LargeBinary(length=32), nullable=True),
        sa.Column("invited_at", foundation.clock.Instant(), nullable=False),
        sa.Column("changed_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_staff")),
    )
    op.create_table(
        "register_applications",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("started_by_kind", sa.String(length=16), nullable=False),
        sa.Column("started_by", sa.String(length=64), nullable=False),
        sa.Column("started_at", foundation.clock.Instant(), nullable=False),
        sa.Column("terms_version", sa.String(length=32), nullable=False),
        sa.Column("policy_version", sa.String(length=32), nullable=False),
        sa.Column("notice_at", foundation.clock.Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["register_identifiers.id"],
            name=op.f("fk_register_applications_person_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_applications")),
    )
    with op.batch_alter_table("register_applications", schema=None) as batch_op:
        batch_op.create_index("ix_register_applications_person_id", ["person_id"], unique=False)

    op.create_table(
        "register_history",
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("transition", sa.String(length=16), nullable=False),
        sa.Column("from_state", sa.String(length=16), nullable=False),
        sa.Column("to_state", sa.String(length=16), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("at", foundation.clock.Instant(), nullable=False),
        sa.Column("actor_kind", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("event_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["register_identifiers.id"], name=op.f("fk_register_history_person_id")
        ),
        sa.PrimaryKeyConstraint("person_id", "number", name=op.f("pk_register_history")),
    )
    op.create_table(
        "register_import_rows",
        sa.Column("import_id", sa.String(length=64), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=True),
        sa.Column("field", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.String(length=300), nullable=True),
        sa.Column("what_to_do", sa.String(length=300), nullable=True),
        sa.ForeignKeyConstraint(
            ["import_id"], ["register_imports.id"], name=op.f("fk_register_import_rows_import_id")
        ),
        sa.PrimaryKeyConstraint("import_id", "line", name=op.f("pk_register_import_rows")),
    )
    op.create_table(
        "register_lookups",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("officer", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("at", foundation.clock.Instant(), nullable=False),
        sa.Column("until", foundation.clock.Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["register_identifiers.id"], name=op.f("fk_register_lookups_person_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_lookups")),
    )
    with op.batch_alter_table("register_lookups", schema=None) as batch_op:
        batch_op.create_index(
            "ix_register_lookups_officer_person_id", ["officer", "person_id"], unique=False
        )

    op.create_table(
        "register_staff_invitations",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("staff_id", sa.String(length=32), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.Column("accepted_at", foundation.clock.Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["register_staff.id"], name=op.f("fk_register_staff_invitations_staff_id")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_register_staff_invitations")),
    )
    op.create_table(
        "register_proofing_decisions",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("application_id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("policy_version", sa.String(length=32), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("in_person", sa.Boolean(), nullable=False),
        sa.Column("result", sa.String(length=32), nullable=False),
        sa.Column("reasons", foundation.database.Json(), nullable=False),
        sa.Column("officer_kind", sa.String(length=16), nullable=False),
        sa.Column("officer", sa.String(length=64), nullable=False),
        sa.Column("second_officer", sa.String(length=64), nullable=True),
        sa.Column("decided_at", foundation.clock.Instant(), nullable=False),
        sa.Column("confirmed_at", foundation.clock.Instant(), nullable=True),
        sa.Column("keep_until", foundation.clock.Instant(), nullable=False),
        sa.Column("sealed_evidence", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["register_applications.id"],
            name=op.f("fk_register_proofing_decisions_application_id"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["register_identifiers.id"],
            name=op.f("fk_register_proofing_decisions_person_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_proofing_decisions")),
    )
    with op.batch_alter_table("register_proofing_decisions", schema=None) as batch_op:
        batch_op.create_index(
            "ix_register_proofing_decisions_person_id", ["person_id"], unique=False
        )
        batch_op.create_index("ix_register_proofing_decisions_result", ["result"], unique=False)

    op.create_table(
        "register_persons",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("in_person", sa.Boolean(), nullable=False),
        sa.Column("enrolled_by", sa.String(length=32), nullable=False),
        sa.Column("enrolled_at", foundation.clock.Instant(), nullable=False),
        sa.Column("changed_at", foundation.clock.Instant(), nullable=False),
        sa.Column("sealed_profile", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["enrolled_by"],
            ["register_proofing_decisions.id"],
            name=op.f("fk_register_persons_enrolled_by"),
        ),
        sa.ForeignKeyConstraint(
            ["id"], ["register_identifiers.id"], name=op.f("fk_register_persons_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_persons")),
    )
    op.create_table(
        "register_activation_codes",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("issued_at", foundation.clock.Instant(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.Column("ended_at", foundation.clock.Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["register_persons.id"],
            name=op.f("fk_register_activation_codes_person_id"),
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_register_activation_codes")),
    )
    with op.batch_alter_table("register_activation_codes", schema=None) as batch_op:
        batch_op.create_index("ix_register_activation_codes_person_id", ["person_id"], unique=False)

    op.create_table(
        "register_blind_indexes",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("value", sa.LargeBinary(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["register_persons.id"], name=op.f("fk_register_blind_indexes_person_id")
        ),
        sa.PrimaryKeyConstraint("kind", "value", name=op.f("pk_register_blind_indexes")),
        sa.UniqueConstraint(
            "person_id", "kind", name=op.f("uq_register_blind_indexes_person_id_kind")
        ),
    )
