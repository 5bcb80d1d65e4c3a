"""Table of consents — ISO/IEC TS 27560, ISO/IEC 29184. Person, service and claims are references;
texts are sealed under the person's key."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    text,
)

from foundation.clock import Instant
from foundation.database import Json, metadata
from foundation.row_macs import NOW, bound

STATES = ("active", "withdrawn", "expired", "replaced", "refused")

consents = Table(
    "consents",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("person_id", String(64), nullable=False),
    Column("giver_kind", String(16), nullable=False),
    Column("giver_id", String(64), nullable=False),
    Column("authority", String(64), nullable=True),
    Column("service", String(255), nullable=False),
    Column("service_name", String(255), nullable=False),
    Column("purpose", String(128), nullable=False),
    # What was chosen, and what was asked and not chosen: stored as given.
    Column("attributes", Json, nullable=False),
    Column("refused", Json, nullable=False),
    Column("classes", Json, nullable=False),
    Column("explicit", Boolean, nullable=False),
    Column("uses_left", Integer, nullable=True),
    Column("retention_days", Integer, nullable=False),
    Column("notice_version", String(32), nullable=False),
    Column("notice_language", String(35), nullable=False),
    Column("notice_digest", LargeBinary(32), nullable=False),
    Column("notice_sealed", LargeBinary, nullable=False),
    Column("given_at", Instant, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("not_after", Instant, nullable=False),
    Column("state", String(16), nullable=False),
    Column("ended_at", Instant, nullable=True),
    Column("reason_sealed", LargeBinary, nullable=True),
    CheckConstraint(f"state IN {STATES!r}", name="state"),
    Index("ix_consents_person_service", "person_id", "service"),
    Index("ix_consents_state_not_after", "state", "not_after"),
)
bound(
    consents,
    "person_id",
    "giver_kind",
    "giver_id",
    "authority",
    "service",
    "purpose",
    "attributes",
    "classes",
    "explicit",
    "uses_left",
    "retention_days",
    "notice_digest",
    "given_at",
    "not_before",
    "not_after",
    only_while={"state": ("active",)},
    until="not_after",
    ends={"state": "withdrawn", "ended_at": NOW},
)
# One answer at a time: a newer one takes the place of the older.
Index(
    "uq_consents_active",
    consents.c.person_id,
    consents.c.service,
    consents.c.purpose,
    unique=True,
    sqlite_where=text("state = 'active'"),
    postgresql_where=text("state = 'active'"),
)
