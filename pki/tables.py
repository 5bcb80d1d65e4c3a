"""Authorities, certificates, revocation lists, and who holds which key — RFC 5280."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    text,
)

from foundation.clock import Instant
from foundation.database import metadata
from foundation.row_macs import NOW, bound, grants_nothing

authorities = Table(
    "pki_authorities",
    metadata,
    Column("kid", String(64), primary_key=True),
    Column("name", String(32), nullable=False),
    Column("generation", Integer, nullable=False, server_default="1"),
    Column("certificate", LargeBinary, nullable=False),
    Column("issuer_kid", String(64), nullable=False),
    # Into how many revocation lists what it issues is divided, for its whole life.
    Column("partitions", Integer, nullable=False, server_default="1"),
    Column("created_at", Instant, nullable=False),
    # It is published first, so that everybody knows it when it begins to sign. Empty: at once.
    Column("signs_from", Instant),
    # Of a compromised one: nothing that it signed counts from here on.
    Column("distrusted_at", Instant),
    # Until when those whom it certified may fetch a certificate of its successor with the old one.
    Column("recover_until", Instant),
    UniqueConstraint("name", "generation", name="uq_pki_authorities_name_generation"),
)
bound(
    authorities,
    "name",
    "generation",
    "certificate",
    "issuer_kid",
    "partitions",
    "signs_from",
    "distrusted_at",
    "recover_until",
    takes=lambda before, after: bool(after["distrusted_at"] is not None),
    ends={"distrusted_at": NOW},
)

cross_certificates = Table(
    "pki_cross_certificates",
    metadata,
    # One root's key certified by another root, for those who trust only that one.
    Column("thumbprint", String(43), primary_key=True),
    Column("subject_kid", String(64), nullable=False),
    Column("issuer_kid", String(64), nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
)
bound(cross_certificates, "subject_kid", "issuer_kid", "certificate", remembered=False)

certificates = Table(
    "pki_certificates",
    metadata,
    # 159 random bits in hex. Never deleted, so a serial is never used twice.
    Column("serial", String(40), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("authority_kid", String(64), nullable=False),
    # The revocation list that would name it: its serial modulo the authority's partitions.
    Column("partition", Integer, nullable=False, server_default="0"),
    Column("profile", String(32), nullable=False),
    Column("holder", String(256), nullable=False),
    Column("reference", String(160), nullable=False),
    Column("public_key", String(64), nullable=False),
    # What is to be signed, until it is: from then on it is a part of the certificate.
    Column("body", LargeBinary),
    Column("not_before", Instant, nullable=False),
    Column("not_after", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("issued_at", Instant),
    Column("certificate", LargeBinary),
    Column("thumbprint", String(43)),
    Column("revoked_at", Instant),
    Column("revocation_reason", String(32)),
    # When it was revoked, put on hold or taken off it; later at every change.
    Column("status_changed_at", Instant),
    Index("ix_pki_certificates_holder", "holder"),
    # Who looks for certificates that have not begun reads none of the others.
    Index("ix_pki_certificates_not_before", "not_before"),
    Index("ix_pki_certificates_unsigned", "state", sqlite_where=text("state = 'recorded'"),
          postgresql_where=text("state = 'recorded'")),
    Index("ix_pki_certificates_changed", "authority_kid", "partition", "status_changed_at",
          sqlite_where=text("status_changed_at IS NOT NULL"),
          postgresql_where=text("status_changed_at IS NOT NULL")),
    # One leave, one certificate: a repeat finds the row instead of making another.
    Index("uq_pki_certificates_reference", "reference", unique=True,
          sqlite_where=text("state != 'void'"), postgresql_where=text("state != 'void'")),
)  # fmt: skip
# What it certifies is under its authority's signature; here is whose it is and how it stands. Only
# one on hold can become good again.
bound(
    certificates,
    "authority_kid",
    "profile",
    "holder",
    "reference",
    "public_key",
    "not_after",
    "revoked_at",
    "revocation_reason",
    only_while={"revocation_reason": (None, "certificateHold")},
    until="not_after",
    takes=lambda before, after: bool(after["revoked_at"] is not None),
    ends={"revoked_at": NOW, "revocation_reason": "unspecified", "status_changed_at": NOW},
)

held_keys = Table(
    "pki_held_keys",
    metadata,
    # EN 303 645 5.1: no two devices share a public key, decided by this primary key.
    Column("public_key", String(64), primary_key=True),
    Column("holder", String(256), nullable=False),
    Column("since", Instant, nullable=False),
    # Its holder changed hands: nobody gets a certificate for it again, the holder neither.
    Column("retired_at", Instant),
)
grants_nothing(held_keys, "who holds a key is also in each certificate for it")

revocation_lists = Table(
    "pki_revocation_lists",
    metadata,
    # The newest list of each kind, the same for every process: complete or delta. Of the kind
    # "least" is no list, but what all numbers of the authority exceed since a backup was restored:
    # `base_at` when that was made, `base_number` the newest published list that was shown since.
    Column("authority_kid", String(64), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(8), primary_key=True),
    Column("number", BigInteger, nullable=False),
    # Of a delta: the number of the complete list that it continues (RFC 5280 §5.2.4).
    Column("base_number", BigInteger),
    Column("this_update", Instant, nullable=False),
    Column("next_update", Instant, nullable=False),
    # Of a delta: when that complete list was made.
    Column("base_at", Instant),
    # What it reflects, as one number that grows with every change (`pki/status/store.py`).
    Column("changes", BigInteger, nullable=False, server_default="0"),
    Column("der", LargeBinary, nullable=False),
)
grants_nothing(revocation_lists, "each is signed, and made anew from the certificates")

banned_keys = Table(
    "pki_banned_keys",
    metadata,
    # Known to others than their holder: nobody gets a certificate for one again.
    Column("public_key", String(64), primary_key=True),
    Column("reason", String(64), nullable=False),
    Column("since", Instant, nullable=False),
)
grants_nothing(banned_keys, "it only refuses; certificates for such a key are revoked as well")

last_time_stamp = Table(
    "pki_last_time_stamp",
    metadata,
    # One row: when the last one was made, later than each one before it.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
)
grants_nothing(last_time_stamp, "it only moves the next one later; a stamp is signed")
