"""Documents of issuers, what was asked for, and what is shared: 0050."""

import sqlalchemy as sa
from alembic import op

import foundation.clock
import foundation.database

revision = "0050"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "documents",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("issuer", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("number_index", sa.LargeBinary(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("issued_at", foundation.clock.Instant(), nullable=False),
        sa.Column("valid_until", foundation.clock.Instant(), nullable=True),
        sa.Column("changed_at", foundation.clock.Instant(), nullable=False),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "state IN ('valid', 'suspended', 'revoked')",
            name=op.f("ck_documents_ck_documents_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
        sa.UniqueConstraint("issuer", "kind", "number_index", name=op.f("uq_documents_number")),
    )
    op.create_index("ix_documents_person_id", "documents", ["person_id", "issued_at", "id"])
    op.create_table(
        "document_versions",
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("at", foundation.clock.Instant(), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_document_versions_document_id")
        ),
        sa.PrimaryKeyConstraint("document_id", "number", name=op.f("pk_document_versions")),
    )
    op.create_table(
        "document_requests",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=255), nullable=False),
        sa.Column("service_name", sa.String(length=255), nullable=False),
        sa.Column("purpose", sa.String(length=128), nullable=False),
        sa.Column("wanted", foundation.database.Json(), nullable=False),
        sa.Column("return_to", sa.String(length=2048), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("asked_at", foundation.clock.Instant(), nullable=False),
        sa.Column("expires_at", foundation.clock.Instant(), nullable=False),
        sa.Column("answered_at", foundation.clock.Instant(), nullable=True),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "state IN ('asked', 'shared', 'refused')",
            name=op.f("ck_document_requests_ck_document_requests_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_requests")),
    )
    op.create_index("ix_document_requests_expires_at", "document_requests", ["expires_at"])
    op.create_index(
        "ix_document_requests_person_id", "document_requests", ["person_id", "state", "expires_at"]
    )
    op.create_table(
        "document_shares",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("request_id", sa.String(length=32), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=255), nullable=False),
        sa.Column("purpose", sa.String(length=128), nullable=False),
        sa.Column("parts", foundation.database.Json(), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("given_at", foundation.clock.Instant(), nullable=False),
        sa.Column("not_after", foundation.clock.Instant(), nullable=False),
        sa.Column("ended_at", foundation.clock.Instant(), nullable=True),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_document_shares_document_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_shares")),
    )
    op.create_index("ix_document_shares_person_id", "document_shares", ["person_id", "service"])
    op.create_index("ix_document_shares_request_id", "document_shares", ["request_id"])
    op.create_index("ix_document_shares_service", "document_shares", ["document_id", "service"])
    op.create_table(
        "document_links",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("parts", foundation.database.Json(), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("made_at", foundation.clock.Instant(), nullable=False),
        sa.Column("not_after", foundation.clock.Instant(), nullable=False),
        sa.Column("ended_at", foundation.clock.Instant(), nullable=True),
        sa.Column("row_mac", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_document_links_document_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_links")),
        sa.UniqueConstraint("digest", name=op.f("uq_document_links_digest")),
    )
    op.create_index("ix_document_links_document_id", "document_links", ["document_id"])
    op.create_table(
        "document_mismatches",
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("issuer", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("what", foundation.database.Json(), nullable=False),
        sa.Column("at", foundation.clock.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "issuer", "kind", name=op.f("pk_document_mismatches")),
    )
