"""Rows bound to their owners, and marks owed to the store of person keys: 0015, after 0014."""

import sqlalchemy as sa
from alembic import op

import foundation.clock

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TABLES = (
    "broker_providers",
    "broker_sessions",
    "broker_transactions",
    "consents",
    "device_changeovers",
    "device_credentials",
    "device_identifiers",
    "devices",
    "durable_jobs",
    "enrolment_tokens",
    "federation_entities",
    "federation_marks",
    "login_challenges",
    "login_credentials",
    "login_sessions",
    "oauth_clients",
    "oauth_codes",
    "oauth_consent_answers",
    "oauth_grants",
    "oauth_pairwise_subjects",
    "oauth_refresh_tokens",
    "oauth_transactions",
    "pki_authorities",
    "pki_certificates",
    "pki_cross_certificates",
    "register_activation_codes",
    "register_blind_indexes",
    "register_imports",
    "register_lookups",
    "register_persons",
    "register_proofing_decisions",
    "register_sign_in_names",
    "register_staff",
    "register_staff_invitations",
    "signing_keys",
)


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("row_mac", sa.LargeBinary(), nullable=True))
    op.create_table(
        "row_marks_owed",
        sa.Column("reference", sa.LargeBinary(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until", foundation.clock.Instant(), nullable=True),
        sa.Column("refusing", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("reference", "version", name=op.f("pk_row_marks_owed")),
    )
