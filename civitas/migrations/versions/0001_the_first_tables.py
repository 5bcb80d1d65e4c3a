"""The first tables: revision 0001."""

import sqlalchemy as sa
from alembic import op

import foundation.clock
import foundation.database

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_checkpoints",
        sa.Column("tree_size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("tree_size", name=op.f("pk_audit_checkpoints")),
    )
    op.create_table(
        "audit_events",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("at", foundation.clock.Instant(), nullable=False),
        sa.Column("open", sa.LargeBinary(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
    )
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.create_index(
            "ix_audit_events_waiting",
            ["at", "id"],
            unique=False,
            sqlite_where=sa.text("waiting = 1"),
            postgresql_where=sa.text("waiting = 1"),
        )

    op.create_table(
        "audit_nodes",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "position", name=op.f("pk_audit_nodes")),
    )
    op.create_table(
        "broker_outcomes",
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "day", "outcome", name="pk_broker_outcomes"),
    )
    op.create_table(
        "broker_providers",
        sa.Column("slug", sa.String(length=32), nullable=False),
        sa.Column("entity_id", sa.String(length=500), nullable=False),
        sa.Column("first_offered_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("slug", name="pk_broker_providers"),
    )
    op.create_table(
        "broker_sessions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("cookie_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("amr", foundation.database.Json(), nullable=False),
        sa.Column("auth_time", foundation.clock.Instant(), nullable=False),
        sa.Column("sealed_claims", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", foundation.clock.Instant(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.CheckConstraint("level BETWEEN 1 AND 4", name=op.f("ck_broker_sessions_known_level")),
        sa.PrimaryKeyConstraint("id", name="pk_broker_sessions"),
        sa.UniqueConstraint("cookie_digest", name="uq_broker_sessions_cookie_digest"),
    )
    with op.batch_alter_table("broker_sessions", schema=None) as batch_op:
        batch_op.create_index("ix_broker_sessions_expires_at", ["expires_at"], unique=False)

    op.create_table(
        "broker_transactions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("state_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("browser_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("wish", foundation.database.Json(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("started_at", foundation.clock.Instant(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'answered')", name=op.f("ck_broker_transactions_known_state")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_broker_transactions"),
        sa.UniqueConstraint("state_digest", name="uq_broker_transactions_state_digest"),
    )
    with op.batch_alter_table("broker_transactions", schema=None) as batch_op:
        batch_op.create_index("ix_broker_transactions_expires_at", ["expires_at"], unique=False)

    op.create_table(
        "consents",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("giver_kind", sa.String(length=16), nullable=False),
        sa.Column("giver_id", sa.String(length=64), nullable=False),
        sa.Column("authority", sa.String(length=64), nullable=True),
        sa.Column("service", sa.String(length=255), nullable=False),
        sa.Column("service_name", sa.String(length=255), nullable=False),
        sa.Column("purpose", sa.String(length=128), nullable=False),
        sa.Column("attributes", foundation.database.Json(), nullable=False),
        sa.Column("refused", foundation.database.Json(), nullable=False),
        sa.Column("classes", foundation.database.Json(), nullable=False),
        sa.Column("explicit", sa.Boolean(), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=True),
        sa.Column("retention_days", sa.Integer(), nullable=False),
        sa.Column("notice_version", sa.String(length=32), nullable=False),
        sa.Column("notice_language", sa.String(length=35), nullable=False),
        sa.Column("notice_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("notice_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("given_at", foundation.clock.Instant(), nullable=False),
        sa.Column("not_before", foundation.clock.Instant(), nullable=False),
        sa.Column("not_after", foundation.clock.Instant(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("ended_at", foundation.clock.Instant(), nullable=True),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "state IN ('active', 'withdrawn', 'expired', 'replaced', 'refused')",
            name=op.f("ck_consents_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    with op.batch_alter_table("consents", schema=None) as batch_op:
        batch_op.create_index("ix_consents_person_service", ["person_id", "service"], unique=False)
        batch_op.create_index("ix_consents_state_not_after", ["state", "not_after"], unique=False)
        batch_op.create_index(
            "uq_consents_active",
            ["person_id", "service", "purpose"],
            unique=True,
            sqlite_where=sa.text("state = 'active'"),
            postgresql_where=sa.text("state = 'active'"),
        )

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
        "durable_jobs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("payload", foundation.database.Json(), nullable=False),
        sa.Column("run_at", foundation.clock.Instant(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_durable_jobs")),
    )
    with op.batch_alter_table("durable_jobs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_durable_jobs_run_at"), ["run_at"], unique=False)

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
        "login_challenges",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("browser", sa.LargeBinary(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=True),
        sa.Column("session_id", sa.String(length=40), nullable=True),
        sa.Column("state", foundation.database.Json(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.Column("used_at", foundation.clock.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_challenges")),
    )
    with op.batch_alter_table("login_challenges", schema=None) as batch_op:
        batch_op.create_index("ix_login_challenges_expires_at", ["expires_at"], unique=False)

    op.create_table(
        "login_credentials",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("label", sa.String(length=80), nullable=False),
        sa.Column("lookup", sa.LargeBinary(length=32), nullable=True),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("data", foundation.database.Json(), nullable=False),
        sa.Column("counter", sa.Integer(), nullable=False),
        sa.Column("created_at", foundation.clock.Instant(), nullable=False),
        sa.Column("used_at", foundation.clock.Instant(), nullable=True),
        sa.Column("ended_at", foundation.clock.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_credentials")),
    )
    with op.batch_alter_table("login_credentials", schema=None) as batch_op:
        batch_op.create_index("ix_login_credentials_subject", ["subject_id", "state"], unique=False)
        batch_op.create_index("uq_login_credentials_lookup", ["lookup"], unique=True)

    op.create_table(
        "login_sessions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("used", foundation.database.Json(), nullable=False),
        sa.Column("auth_time", foundation.clock.Instant(), nullable=False),
        sa.Column("signed_in_for", sa.LargeBinary(length=32), nullable=True),
        sa.Column("activated", sa.Boolean(), nullable=False),
        sa.Column("created_at", foundation.clock.Instant(), nullable=False),
        sa.Column("seen_at", foundation.clock.Instant(), nullable=False),
        sa.Column("ends_at", foundation.clock.Instant(), nullable=False),
        sa.Column("ended_at", foundation.clock.Instant(), nullable=True),
        sa.Column("end_reason", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_sessions")),
    )
    with op.batch_alter_table("login_sessions", schema=None) as batch_op:
        batch_op.create_index("ix_login_sessions_ends_at", ["ends_at"], unique=False)
        batch_op.create_index("ix_login_sessions_subject", ["subject_id", "ended_at"], unique=False)
        batch_op.create_index("uq_login_sessions_token_digest", ["token_digest"], unique=True)

    op.create_table(
        "master_key_check",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_master_key_check")),
    )
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

    op.create_table(
        "periodic_work",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("due_at", foundation.clock.Instant(), nullable=False),
        sa.Column("last_success", foundation.clock.Instant(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_periodic_work")),
    )
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
    op.create_table(
        "rate_limits",
        sa.Column("bucket", sa.String(length=64), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("empty_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "key_digest", name=op.f("pk_rate_limits")),
    )
    with op.batch_alter_table("rate_limits", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rate_limits_empty_at"), ["empty_at"], unique=False)

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
        sa.Column("file_name", sa.String(length=200), nullable=False),
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
        sa.Column("invited_at", foundation.clock.Instant(), nullable=False),
        sa.Column("changed_at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_staff")),
    )
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("use", sa.String(length=40), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("algorithm", sa.String(length=10), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("label", sa.String(length=80), nullable=True),
        sa.Column("created_at", foundation.clock.Instant(), nullable=False),
        sa.Column("signs_from", foundation.clock.Instant(), nullable=False),
        sa.Column("signs_until", foundation.clock.Instant(), nullable=True),
        sa.Column("published_until", foundation.clock.Instant(), nullable=True),
        sa.Column("revoked_at", foundation.clock.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_signing_keys")),
        sa.UniqueConstraint("use", "generation", name="uq_signing_keys_use_generation"),
    )
    op.create_table(
        "audit_leaves",
        sa.Column("leaf_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.String(length=32), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"], ["audit_events.id"], name=op.f("fk_audit_leaves_event_id")
        ),
        sa.PrimaryKeyConstraint("leaf_index", name=op.f("pk_audit_leaves")),
        sa.UniqueConstraint("event_id", name="uq_audit_leaves_event_id"),
    )
    op.create_table(
        "audit_subjects",
        sa.Column("event_id", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=True),
        sa.Column("ref", sa.String(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["event_id"], ["audit_events.id"], name=op.f("fk_audit_subjects_event_id")
        ),
        sa.PrimaryKeyConstraint("event_id", "position", name=op.f("pk_audit_subjects")),
    )
    with op.batch_alter_table("audit_subjects", schema=None) as batch_op:
        batch_op.create_index("ix_audit_subjects_subject", ["subject"], unique=False)

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
