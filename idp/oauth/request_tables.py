"""Tables of requests that wait for a person, a browser, a device or a wallet."""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, String, Table

from foundation.clock import Instant
from foundation.database import Json, metadata
from foundation.row_macs import Once, bound

# A parsed authorization request that waits while the person signs in and answers.
transactions = Table(
    "oauth_transactions",
    metadata,
    Column("handle_digest", LargeBinary, primary_key=True),
    Column("browser_digest", LargeBinary, nullable=False),
    Column("client_id", String, nullable=False),
    Column("request", Json, nullable=False),
    Column("state", String, nullable=False),  # waiting | asking | answered
    Column("session_id", String),
    Column("person_id", String),
    Column("asked_digest", LargeBinary),
    # What was answered, and the place where that led, sealed under the handle: said once more.
    Column("said_digest", LargeBinary),
    Column("led_to", LargeBinary),
    Column("started_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("ix_oauth_transactions_expires_at", "expires_at"),
)
# Its request says where the code goes.
bound(
    transactions,
    "browser_digest",
    "client_id",
    "request",
    "session_id",
    "person_id",
    "asked_digest",
    "expires_at",
    only_while={"state": ("waiting", "asking")},
    remembered=False,
    until="expires_at",
    read_first=True,
    once=Once("sign-ins on their way to a service", forgotten=True),
)

# A request that a client pushed, checked, before it sends a browser here with its URI alone.
pushed_requests = Table(
    "oauth_pushed_requests",
    metadata,
    Column("uri_digest", LargeBinary, primary_key=True),
    Column("client_id", String, nullable=False),
    Column("parameters", Json, nullable=False),
    Column("signed", Boolean, nullable=False),
    Column("browser_digest", LargeBinary),
    Column("issued_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Index("ix_oauth_pushed_requests_expires_at", "expires_at"),
)
# It says what its client asked for where nobody could change it on the way.
bound(
    pushed_requests,
    "client_id",
    "parameters",
    "signed",
    "browser_digest",
    "expires_at",
    only_while={"used_at": (None,)},
    remembered=False,
    until="expires_at",
    read_first=True,
    once=Once("pushed requests", forgotten=True),
)

# The sign-in of a device without a browser, until a person has answered for it and it has asked.
device_codes = Table(
    "oauth_device_codes",
    metadata,
    Column("code_digest", LargeBinary, primary_key=True),
    Column("user_code_digest", LargeBinary, nullable=False),
    Column("client_id", String, nullable=False),
    Column("request", Json, nullable=False),
    Column("state", String, nullable=False),  # pending | approved | denied | used
    Column("grant_id", String),
    Column("polled_at", Instant),
    Column("issued_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("uq_oauth_device_codes_user_code", "user_code_digest", unique=True),
    Index("ix_oauth_device_codes_expires_at", "expires_at"),
)
bound(
    device_codes,
    "user_code_digest",
    "client_id",
    "request",
    "state",
    "grant_id",
    "expires_at",
    only_while={"state": ("pending", "approved")},
    remembered=False,
    until="expires_at",
    read_first=True,
    once=Once("sign-ins of devices", forgotten=True),
)

# What a service asks a person who is not at it (CIBA). `id` is how the person's page names it;
# `notification_token`, sealed, is what the service wants to be told with.
backchannel_requests = Table(
    "oauth_backchannel_requests",
    metadata,
    Column("code_digest", LargeBinary, primary_key=True),
    Column("id", String, nullable=False),
    Column("client_id", String, nullable=False),
    Column("person_id", String, nullable=False),
    Column("request", Json, nullable=False),
    Column("binding_message", String),
    Column("notification_token", LargeBinary),
    Column("state", String, nullable=False),  # pending | approved | denied | used
    Column("grant_id", String),
    Column("polled_at", Instant),
    Column("ping_at", Instant),
    Column("pings", Integer, nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("uq_oauth_backchannel_requests_id", "id", unique=True),
    Index("ix_oauth_backchannel_requests_person_id", "person_id"),
    Index("ix_oauth_backchannel_requests_ping_at", "ping_at"),
    Index("ix_oauth_backchannel_requests_expires_at", "expires_at"),
)
bound(
    backchannel_requests,
    "id",
    "client_id",
    "person_id",
    "request",
    "binding_message",
    "notification_token",
    "state",
    "grant_id",
    "expires_at",
    only_while={"state": ("pending", "approved")},
    remembered=False,
    until="expires_at",
    read_first=True,
    once=Once("requests of services to people", forgotten=True),
)

# What a person has ready for a wallet of theirs, until the wallet comes for it (OpenID4VCI §3.5).
pre_authorized_codes = Table(
    "oauth_pre_authorized_codes",
    metadata,
    Column("code_digest", LargeBinary, primary_key=True),
    Column("client_id", String, nullable=False),
    Column("grant_id", String, nullable=False),
    # MAC over the code that the person types into the wallet, and how often it may be wrong.
    Column("tx_code_mac", LargeBinary, nullable=False),
    Column("tries_left", Integer, nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Index("ix_oauth_pre_authorized_codes_expires_at", "expires_at"),
)
bound(
    pre_authorized_codes,
    "client_id",
    "grant_id",
    "tx_code_mac",
    "tries_left",
    "expires_at",
    only_while={"used_at": (None,)},
    remembered=False,
    until="expires_at",
    read_first=True,
    once=Once("credential offers", forgotten=True),
)
