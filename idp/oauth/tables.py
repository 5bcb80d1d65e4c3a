"""Tables of the authorization server. No token, code or secret is stored in clear."""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, String, Table

from foundation.clock import Instant
from foundation.database import Json, metadata
from foundation.row_macs import NOW, Once, bound, grants_nothing, refuses

clients = Table(
    "oauth_clients",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("state", String, nullable=False),  # active | suspended | removed
    Column("registration", Json, nullable=False),
    Column("secret_mac", LargeBinary),
    Column("created_at", Instant, nullable=False),
    # The secret before the last one, and how long it still works (a rotation without a pause).
    Column("previous_secret_mac", LargeBinary),
    Column("previous_secret_until", Instant),
)
bound(
    clients,
    "name",
    "state",
    "registration",
    "secret_mac",
    "previous_secret_mac",
    "previous_secret_until",
    ends={"state": "suspended"},
)

# The origins of public clients' pages, and the resources that clients receive tokens for: a client
# is found by them, where all clients would have to be read.
client_addresses = Table(
    "oauth_client_addresses",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("client_id", String, primary_key=True),
    Index("ix_oauth_client_addresses_client_id", "client_id"),
)
grants_nothing(client_addresses, "it leads to a client, whose own row says where it is reached")

# Clients that another source vouches for and that we do not serve: they have no row of ours.
suspensions = Table(
    "oauth_suspensions",
    metadata,
    Column("client_id", String, primary_key=True),
    Column("suspended_at", Instant, nullable=False),
)
refuses(suspensions)

# What an operator gives to who may register a service without them: so many times, until some day.
initial_access_tokens = Table(
    "oauth_initial_access_tokens",
    metadata,
    Column("id", String, primary_key=True),
    Column("token_digest", LargeBinary, nullable=False),
    Column("note", String, nullable=False),
    Column("uses_left", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("uq_oauth_initial_access_tokens_digest", "token_digest", unique=True),
    Index("ix_oauth_initial_access_tokens_expires_at", "expires_at"),
)
bound(
    initial_access_tokens,
    "token_digest",
    "uses_left",
    "expires_at",
    until="expires_at",
    once=Once("initial access tokens", forgotten=True),
)

# By which a client that registered itself sees and changes its registration. The one before works
# until the client has shown the new one.
registration_tokens = Table(
    "oauth_registration_tokens",
    metadata,
    Column("client_id", String, primary_key=True),
    Column("token_digest", LargeBinary, nullable=False),
    Column("former_digest", LargeBinary),
    Column("issued_at", Instant, nullable=False),
)
bound(registration_tokens, "token_digest", "former_digest")

# One row for every authorization a person gave at a sign-in: everything issued rests on it.
grants = Table(
    "oauth_grants",
    metadata,
    Column("id", String, primary_key=True),
    Column("client_id", String, nullable=False),
    Column("person_id", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("session_id", String, nullable=False),
    Column("session_reference", String, nullable=False),
    Column("consent_id", String),
    Column("purpose", String, nullable=False),
    Column("scope", Json, nullable=False),
    Column("audience", String),
    Column("userinfo_attributes", Json, nullable=False),
    Column("id_token_attributes", Json, nullable=False),
    Column("level", Integer, nullable=False),
    Column("amr", Json, nullable=False),
    Column("auth_time", Instant, nullable=False),
    Column("auth_time_told", Instant),
    Column("nonce", String),
    Column("offline", Boolean, nullable=False),
    Column("state", String, nullable=False),  # active | ended
    Column("ended_at", Instant),
    Column("ended_because", String),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Column("authorization_details", Json),
    Index("ix_oauth_grants_consent_id", "consent_id"),
    Index("ix_oauth_grants_session_id", "session_id"),
    Index("ix_oauth_grants_person_id", "person_id"),
    Index("ix_oauth_grants_expires_at", "expires_at"),
)
bound(
    grants,
    "client_id",
    "person_id",
    "subject",
    "session_id",
    "session_reference",
    "consent_id",
    "purpose",
    "scope",
    "audience",
    "userinfo_attributes",
    "id_token_attributes",
    "level",
    "amr",
    "auth_time",
    "auth_time_told",
    "nonce",
    "offline",
    "authorization_details",
    "expires_at",
    only_while={"state": ("active",)},
    until="expires_at",
    ends={"state": "ended", "ended_at": NOW},
)

codes = Table(
    "oauth_codes",
    metadata,
    Column("code_digest", LargeBinary, primary_key=True),
    Column("grant_id", String, nullable=False),
    Column("client_id", String, nullable=False),
    Column("redirect_uri", String, nullable=False),
    Column("code_challenge", String, nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("redeemed_at", Instant),
    # The key that the client said it will prove (RFC 9449 §10).
    Column("key_thumbprint", String),
    Index("ix_oauth_codes_expires_at", "expires_at"),
)
# It lives for a minute: hardly a backup is younger.
bound(
    codes,
    "grant_id",
    "client_id",
    "redirect_uri",
    "code_challenge",
    "key_thumbprint",
    "expires_at",
    only_while={"redeemed_at": (None,)},
    remembered=False,
    until="expires_at",
    read_first=True,
    once=Once("authorization codes", forgotten=True),
)

refresh_tokens = Table(
    "oauth_refresh_tokens",
    metadata,
    Column("token_digest", LargeBinary, primary_key=True),
    Column("grant_id", String, nullable=False),
    Column("client_id", String, nullable=False),
    Column("certificate_thumbprint", String),
    Column("issued_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Column("key_thumbprint", String),
    Index("ix_oauth_refresh_tokens_grant_id", "grant_id"),
    Index("ix_oauth_refresh_tokens_expires_at", "expires_at"),
)
bound(
    refresh_tokens,
    "grant_id",
    "client_id",
    "certificate_thumbprint",
    "key_thumbprint",
    "expires_at",
    only_while={"used_at": (None,)},
    remembered="soon",
    until="expires_at",
    read_first=True,
    once=Once("refresh tokens", forgotten=True),
)

# Pairwise subjects are stored random values, so that they can move with the governance model.
subjects = Table(
    "oauth_pairwise_subjects",
    metadata,
    Column("person_id", String, primary_key=True),
    Column("sector", String, primary_key=True),
    Column("subject", String, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("uq_oauth_pairwise_subjects_sector_subject", "sector", "subject", unique=True),
)
bound(subjects, "subject", remembered=False)

# That a person was asked about a service on the consent page. What they chose is the consent's
# own record; this says that sign-in itself, and acting in their absence, need not be asked again.
answers = Table(
    "oauth_consent_answers",
    metadata,
    Column("person_id", String, primary_key=True),
    Column("client_id", String, primary_key=True),
    Column("purpose", String, primary_key=True),
    Column("offline", Boolean, nullable=False),
    Column("answered_at", Instant, nullable=False),
    Column("not_after", Instant),
)

# Whose means of signing in changed, so that they are asked which services may go on.
reviews = Table(
    "oauth_reviews",
    metadata,
    Column("person_id", String, primary_key=True),
    Column("changed_at", Instant, nullable=False),
)
grants_nothing(reviews, "it asks a person, and nothing else")
bound(answers, "offline", "answered_at", "not_after", until="not_after", reused=True)

# Identifiers of assertions and request objects that were seen: each works once (failures 7).
assertions = Table(
    "oauth_assertions",
    metadata,
    Column("client_id", String, primary_key=True),
    Column("jti", String, primary_key=True),
    Column("expires_at", Instant, nullable=False),
    Index("ix_oauth_assertions_expires_at", "expires_at"),
)
grants_nothing(assertions, "whoever deletes one has still to show the client's own assertion")

# Access tokens revoked one by one; a row lives no longer than its token.
revoked_tokens = Table(
    "oauth_revoked_tokens",
    metadata,
    Column("jti", String, primary_key=True),
    Column("expires_at", Instant, nullable=False),
    Index("ix_oauth_revoked_tokens_expires_at", "expires_at"),
)
refuses(revoked_tokens, until="expires_at")

# Every token of this client issued at or before the instant is dead (a suspended device, a
# client whose secret leaked): tokens of client_credentials have no grant row to end.
cut_offs = Table(
    "oauth_cut_offs",
    metadata,
    Column("client_id", String, primary_key=True),
    Column("issued_until", Instant, nullable=False),
)
refuses(cut_offs)

# Who may sign in at test services: the person who made one, and invented residents at all of them.
testers = Table(
    "oauth_testers",
    metadata,
    Column("client_id", String, primary_key=True),
    Column("person_id", String, primary_key=True),
    Column("added_at", Instant, nullable=False),
    Index("ix_oauth_testers_person_id", "person_id"),
)
bound(testers, "added_at", reused=True)

# Why requests of a service were refused: one row a reason, so many of each service.
client_refusals = Table(
    "oauth_client_refusals",
    metadata,
    Column("client_id", String, primary_key=True),
    Column("digest", LargeBinary(16), primary_key=True),
    Column("place", String(100), nullable=False),
    Column("code", String(64), nullable=False),
    Column("said", String(300), nullable=False),
    Column("why", String(500), nullable=False),
    Column("times", Integer, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Index("ix_oauth_client_refusals_last_at", "last_at"),
)
grants_nothing(client_refusals, "its owner reads it, and nobody acts by it")

# What became of the requests of a service, a day and a kind a row.
client_days = Table(
    "oauth_client_days",
    metadata,
    Column("client_id", String, primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("times", Integer, nullable=False),
    Index("ix_oauth_client_days_day", "day"),
)
grants_nothing(client_days, "its owner and operators read it, and nobody acts by it")
