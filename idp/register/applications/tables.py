"""Tables of online applications: what somebody wrote is sealed under a key of the application."""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
)

from foundation.clock import Instant
from foundation.database import metadata
from foundation.row_macs import Once, bound, grants_nothing

# `id` names the key in the vault; `number` is what somebody says at the desk, and opens nothing.
online_applications = Table(
    "register_online_applications",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("number", String(16), nullable=False, unique=True),
    # Keyed digest of the code that leads back to it, and how many codes there were.
    Column("resume", LargeBinary(32), nullable=False, unique=True),
    Column("access", Integer, nullable=False),
    # The browser that made the last code: it goes on, though the answer was lost.
    Column("renewed_by", LargeBinary(32)),
    Column("state", String(16), nullable=False),  # draft, sent, asked, enrolled, refused
    Column("way", String(8)),
    # EN-1: what was agreed to, by its version, and when.
    Column("terms_version", String(32)),
    Column("notice_version", String(32)),
    Column("policy_version", String(32)),
    Column("agreed_at", Instant),
    # The address that a code came back from, as a keyed digest, and when (EN-5).
    Column("contact", LargeBinary(32)),
    Column("contact_at", Instant),
    Column("begun_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("due_at", Instant),
    Column("urgent", Boolean(create_constraint=False), nullable=False),
    # Who has it now, and until when it is theirs alone.
    Column("officer", String(64)),
    Column("leased_at", Instant),
    Column("person_id", String(32), ForeignKey("register_identifiers.id")),
    Column("expires_at", Instant, nullable=False),
    Index("ix_register_online_applications_state", "state", "due_at"),
    Index("ix_register_online_applications_expires_at", "expires_at"),
    Index("ix_register_online_applications_person_id", "person_id"),
)
bound(
    online_applications,
    "number",
    "resume",
    "access",
    "renewed_by",
    "state",
    "way",
    "terms_version",
    "notice_version",
    "policy_version",
    "contact",
    "contact_at",
    "officer",
    "leased_at",
    "person_id",
    "expires_at",
    until="expires_at",
    takes=lambda before, after: bool(
        after["access"] != before["access"]
        or (before["state"] != after["state"] and after["state"] in ("enrolled", "refused"))
        or (before["contact"] is not None and after["contact"] != before["contact"])
    ),
)

# One row a step: who, reach, question, answer, reason. `version` tells whether another device or
# tab has saved the step meanwhile.
online_parts = Table(
    "register_online_parts",
    metadata,
    Column("application_id", String(32), primary_key=True),
    Column("step", String(16), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
grants_nothing(online_parts, "what somebody says of themselves; an officer compares it with papers")

# The code that was sent to an e-mail address last, as a keyed digest.
contact_codes = Table(
    "register_contact_codes",
    metadata,
    Column("application_id", String(32), primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("contact", LargeBinary(32), nullable=False),
    Column("sent_at", Instant, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("ix_register_contact_codes_expires_at", "expires_at"),
)
bound(
    contact_codes,
    "digest",
    "contact",
    "expires_at",
    until="expires_at",
    reused=True,
    once=Once("codes that were sent to e-mail addresses of applicants", forgotten=True),
)
