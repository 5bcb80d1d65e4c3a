"""Tables of sign-in: credentials, sessions, challenges that work once, failures counted."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, String, Table, text

from foundation.clock import Instant
from foundation.database import Json, metadata
from foundation.row_macs import NOW, Once, bound, grants_nothing, refuses

credentials = Table(
    "login_credentials",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("subject_kind", String(16), nullable=False),
    Column("subject_id", String(64), nullable=False),
    # password, passkey, totp, code-card, recovery-codes
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),  # active, ended
    Column("label", String(80), nullable=False),
    # The SHA-256 of a passkey's credential id; NULL for a password.
    Column("lookup", LargeBinary(32), nullable=True),
    # The Argon2id hash or the app's key, sealed under the master key: a stolen dump cannot even be
    # guessed at. Of a list of codes a keyed hash of each, sixteen bytes, nought once it was used.
    Column("secret", LargeBinary, nullable=True),
    Column("data", Json, nullable=False),
    Column("counter", Integer, nullable=False, default=0),
    Column("created_at", Instant, nullable=False),
    Column("used_at", Instant, nullable=True),
    Column("ended_at", Instant, nullable=True),
    Index("ix_login_credentials_subject", "subject_id", "state"),
    Index("uq_login_credentials_lookup", "lookup", unique=True),
)
# Whose it is, and what proves it.
bound(
    credentials,
    "subject_kind",
    "subject_id",
    "kind",
    "lookup",
    "secret",
    "data",
    only_while={"state": ("active",)},
    ends={"state": "ended", "ended_at": NOW},
)

sessions = Table(
    "login_sessions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("token_digest", LargeBinary(32), nullable=False),
    # The one before, dead as a cookie: who sends it with a new proof sent the proof twice.
    Column("former_digest", LargeBinary(32), nullable=True),
    # What made the present one of it: both answers to a proof that was sent twice give the same.
    Column("renewed_by", String(64), nullable=True),
    Column("subject_kind", String(16), nullable=False),
    Column("subject_id", String(64), nullable=False),
    Column("level", Integer, nullable=False),
    Column("used", Json, nullable=False),  # [{authenticator, credential, managed, at}]
    Column("auth_time", Instant, nullable=False),
    Column("signed_in_for", LargeBinary(32), nullable=True),
    Column("activated", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("ended_at", Instant, nullable=True),
    Column("end_reason", String(32), nullable=True),
    # Which browser on which system began it, for its owner to tell it from others.
    Column("device", String(80), nullable=True),
    Index("uq_login_sessions_token_digest", "token_digest", unique=True),
    Index("ix_login_sessions_former_digest", "former_digest"),
    Index("ix_login_sessions_subject", "subject_id", "ended_at"),
    Index("ix_login_sessions_ends_at", "ends_at"),
)
# `seen_at`, too: an idle session does not come to life again. Only its cookie is ever taken back.
bound(
    sessions,
    "token_digest",
    "subject_kind",
    "subject_id",
    "level",
    "used",
    "auth_time",
    "signed_in_for",
    "activated",
    "seen_at",
    "ends_at",
    only_while={"ended_at": (None,)},
    until="ends_at",
    takes=lambda before, after: bool(before["token_digest"] != after["token_digest"]),
)

challenges = Table(
    "login_challenges",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("browser", LargeBinary(32), nullable=False),
    Column("purpose", String(16), nullable=False),  # challenges.Purpose
    Column("subject_id", String(64), nullable=True),
    Column("session_id", String(40), nullable=True),
    Column("state", Json, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant, nullable=True),
    Index("ix_login_challenges_expires_at", "expires_at"),
)
# An assertion that somebody once saw answers no challenge that they wrote themselves.
bound(
    challenges,
    "browser",
    "purpose",
    "subject_id",
    "session_id",
    "state",
    "expires_at",
    only_while={"used_at": (None,)},
    remembered=False,
    until="expires_at",
    once=Once("challenges of sign-ins", forgotten=True),
)

# A means that its holder locked: it opens nothing until they take that back.
locks = Table(
    "login_locks",
    metadata,
    Column("credential_id", String(40), primary_key=True),
    Column("locked_at", Instant, nullable=False),
)
refuses(locks)

# A means that its holder has to confirm: until then it opens nothing (CM-3, CM-6). Its id is that
# of the credential which it becomes.
enrolments = Table(
    "login_enrolments",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("subject_kind", String(16), nullable=False),
    Column("subject_id", String(64), nullable=False),
    Column("kind", String(16), nullable=False),  # totp, code-card
    Column("secret", LargeBinary, nullable=False),
    Column("managed", Integer, nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("uq_login_enrolments_subject", "subject_id", "subject_kind", "kind", unique=True),
    Index("ix_login_enrolments_expires_at", "expires_at"),
)
bound(
    enrolments,
    "subject_kind",
    "subject_id",
    "kind",
    "secret",
    "managed",
    "expires_at",
    until="expires_at",
    once=Once("apps and code cards that were not confirmed yet", forgotten=True),
)

# Failures that were counted and are not in the audit yet; a row lives as long as its window.
failures = Table(
    "login_failures",
    metadata,
    # The digest of what was tried: a name that is nobody's has a row like any other.
    Column("key", LargeBinary(32), primary_key=True),
    Column("subject_kind", String(16), nullable=True),
    Column("subject_id", String(64), nullable=True),
    Column("method", String(32), nullable=False),
    Column("more", Integer, nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Index("ix_login_failures_until", "until"),
)
grants_nothing(failures, "it counts what failed")

# A way to sign in that is to end, for its holder has lost it; the owner has until then to stop it.
removals = Table(
    "login_removals",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("subject_kind", String(16), nullable=False),
    Column("subject_id", String(64), nullable=False),
    Column("credential_id", String(40), nullable=False),
    Column("state", String(16), nullable=False),  # asked, stopped, done
    Column("asked_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("ended_at", Instant, nullable=True),
    Index("ix_login_removals_subject", "subject_id", "state"),
    Index("ix_login_removals_due_at", "state", "due_at"),
    Index(
        "uq_login_removals_asked",
        "credential_id",
        unique=True,
        sqlite_where=text("state = 'asked'"),
        postgresql_where=text("state = 'asked'"),
    ),
)
bound(
    removals,
    "subject_kind",
    "subject_id",
    "credential_id",
    "due_at",
    only_while={"state": ("asked",)},
    ends={"state": "stopped", "ended_at": NOW},
    once=Once("removals of lost means of signing in"),
)
