"""Tokens and grants: revision 0007, after 0006."""

import sqlalchemy as sa
from alembic import op

import foundation.clock
import foundation.database

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "oauth_assertions",
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("jti", sa.String(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "jti", name=op.f("pk_oauth_assertions")),
    )
    with op.batch_alter_table("oauth_assertions", schema=None) as batch_op:
        batch_op.create_index("ix_oauth_assertions_expires_at", ["expires_at"], unique=False)

    op.create_table(
        "oauth_clients",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("registration", foundation.database.Json(), nullable=False),
        sa.Column("secret_mac", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_clients")),
    )
    op.create_table(
        "oauth_codes",
        sa.Column("code_digest", sa.LargeBinary(), nullable=False),
        sa.Column("grant_id", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("redirect_uri", sa.String(), nullable=False),
        sa.Column("code_challenge", sa.String(), nullable=False),
        sa.Column("issued_at", foundation.clock.Instant(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.Column("redeemed_at", foundation.clock.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("code_digest", name=op.f("pk_oauth_codes")),
    )
    with op.batch_alter_table("oauth_codes", schema=None) as batch_op:
        batch_op.create_index("ix_oauth_codes_expires_at", ["expires_at"], unique=False)

    op.create_table(
        "oauth_consent_answers",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("offline", sa.Boolean(), nullable=False),
        sa.Column("answered_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint(
            "person_id", "client_id", "purpose", name=op.f("pk_oauth_consent_answers")
        ),
    )
    op.create_table(
        "oauth_cut_offs",
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("issued_until", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_oauth_cut_offs")),
    )
    op.create_table(
        "oauth_grants",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("session_reference", sa.String(), nullable=False),
        sa.Column("consent_id", sa.String(), nullable=True),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("scope", foundation.database.Json(), nullable=False),
        sa.Column("audience", sa.String(), nullable=True),
        sa.Column("userinfo_attributes", foundation.database.Json(), nullable=False),
        sa.Column("id_token_attributes", foundation.database.Json(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("amr", foundation.database.Json(), nullable=False),
        sa.Column("auth_time", foundation.clock.Instant(), nullable=False),
        sa.Column("nonce", sa.String(), nullable=True),
        sa.Column("offline", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("ended_at", foundation.clock.Instant(), nullable=True),
        sa.Column("ended_because", sa.String(), nullable=True),
        sa.Column("created_at", foundation.clock.Instant(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_grants")),
    )
    with op.batch_alter_table("oauth_grants", schema=None) as batch_op:
        batch_op.create_index("ix_oauth_grants_consent_id", ["consent_id"], unique=False)
        batch_op.create_index("ix_oauth_grants_expires_at", ["expires_at"], unique=False)
        batch_op.create_index("ix_oauth_grants_person_id", ["person_id"], unique=False)
        batch_op.create_index("ix_oauth_grants_session_id", ["session_id"], unique=False)

    op.create_table(
        "oauth_pairwise_subjects",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("sector", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("created_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "sector", name=op.f("pk_oauth_pairwise_subjects")),
    )
    with op.batch_alter_table("oauth_pairwise_subjects", schema=None) as batch_op:
        batch_op.create_index(
            "uq_oauth_pairwise_subjects_sector_subject", ["sector", "subject"], unique=True
        )

    op.create_table(
        "oauth_refresh_tokens",
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("grant_id", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("certificate_thumbprint", sa.String(), nullable=True),
        sa.Column("issued_at", foundation.clock.Instant(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.Column("used_at", foundation.clock.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("token_digest", name=op.f("pk_oauth_refresh_tokens")),
    )
    with op.batch_alter_table("oauth_refresh_tokens", schema=None) as batch_op:
        batch_op.create_index("ix_oauth_refresh_tokens_expires_at", ["expires_at"], unique=False)
        batch_op.create_index("ix_oauth_refresh_tokens_grant_id", ["grant_id"], unique=False)

    op.create_table(
        "oauth_revoked_tokens",
        sa.Column("jti", sa.String(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("jti", name=op.f("pk_oauth_revoked_tokens")),
    )
    with op.batch_alter_table("oauth_revoked_tokens", schema=None) as batch_op:
        batch_op.create_index("ix_oauth_revoked_tokens_expires_at", ["expires_at"], unique=False)

    op.create_table(
        "oauth_transactions",
        sa.Column("handle_digest", sa.LargeBinary(), nullable=False),
        sa.Column("browser_digest", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("request", foundation.database.Json(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=True),
        sa.Column("person_id", sa.String(), nullable=True),
        sa.Column("asked_digest", sa.LargeBinary(), nullable=True),
        sa.Column("started_at", foundation.clock.Instant(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("handle_digest", name=op.f("pk_oauth_transactions")),
    )
    with op.batch_alter_table("oauth_transactions", schema=None) as batch_op:
        batch_op.create_index("ix_oauth_transactions_expires_at", ["expires_at"], unique=False)
