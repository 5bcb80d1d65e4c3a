"""Authorities, certificates, and who holds which key — RFC 5280."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, String, Table, text

from foundation.clock import Instant
from foundation.database import Json, metadata

authorities = Table(
    "pki_authorities",
    metadata,
    Column("kid", String(64), primary_key=True),
    Column("name", String(32), nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("issuer_kid", String(64), nullable=False),
    Column("created_at", Instant, nullable=False),
)

certificates = Table(
    "pki_certificates",
    metadata,
    # 159 random bits in hex. Never deleted, so a serial is never used twice.
    Column("serial", String(40), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("authority_kid", String(64), nullable=False),
    Column("profile", String(32), nullable=False),
    Column("holder", String(256), nullable=False),
    Column("reference", String(160), nullable=False),
    Column("common_name", String(64), nullable=False),
    Column("names", Json, nullable=False),
    Column("public_key", String(64), nullable=False),
    Column("public_key_der", LargeBinary, nullable=False),
    Column("to_be_signed", LargeBinary, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("not_after", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("issued_at", Instant),
    Column("certificate", LargeBinary),
    Column("thumbprint", String(43)),
    Column("revoked_at", Instant),
    Column("revocation_reason", String(32)),
    Index("ix_pki_certificates_holder", "holder"),
    Index("ix_pki_certificates_unsigned", "state", sqlite_where=text("state = 'recorded'"),
          postgresql_where=text("state = 'recorded'")),
    Index("ix_pki_certificates_revoked", "authority_kid", "revoked_at",
          sqlite_where=text("revoked_at IS NOT NULL"),
          postgresql_where=text("revoked_at IS NOT NULL")),
    # One leave, one certificate: a repeat finds the row instead of making another.
    Index("uq_pki_certificates_reference", "reference", unique=True,
          sqlite_where=text("state != 'void'"), postgresql_where=text("state != 'void'")),
)  # fmt: skip

held_keys = Table(
    "pki_held_keys",
    metadata,
    # EN 303 645 5.1: no two devices share a public key, decided by this primary key.
    Column("public_key", String(64), primary_key=True),
    Column("holder", String(256), nullable=False),
    Column("since", Instant, nullable=False),
)
