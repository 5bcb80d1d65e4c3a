"""Tables of what services are told: sign-outs, and events of Shared Signals."""

from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table

from foundation.clock import Instant
from foundation.database import Json, metadata
from foundation.row_macs import bound

# Sessions that ended, on their way to services that registered to hear of it. It holds what their
# ID tokens said, and nothing of the person.
sign_outs = Table(
    "oauth_sign_outs",
    metadata,
    Column("id", String, primary_key=True),
    Column("client_id", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("session_reference", String, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("last_error", String),
    Index("ix_oauth_sign_outs_due_at", "due_at"),
    Index("ix_oauth_sign_outs_client_id", "client_id"),
)
# We sign what stands here: nobody else has us tell a service that somebody signed out.
bound(sign_outs, "client_id", "subject", "session_reference", remembered=False)

# Which services hear of what, and how (Shared Signals): one stream for each.
signal_streams = Table(
    "oauth_signal_streams",
    metadata,
    Column("id", String, primary_key=True),
    Column("client_id", String, nullable=False),
    Column("method", String, nullable=False),
    Column("endpoint", String),
    Column("authorization_sealed", LargeBinary),
    Column("requested", Json, nullable=False),
    Column("description", String),
    Column("status", String, nullable=False),  # enabled | paused | disabled
    Column("created_at", Instant, nullable=False),
    Index("uq_oauth_signal_streams_client_id", "client_id", unique=True),
)
# What is told of people goes where the service said, and nowhere else.
bound(
    signal_streams,
    "client_id",
    "method",
    "endpoint",
    "authorization_sealed",
    "requested",
    "status",
    remembered=False,
)

# Events on their way to them. As with sign-outs, nothing of the person but what the service knows.
signals = Table(
    "oauth_signals",
    metadata,
    Column("id", String, primary_key=True),
    Column("client_id", String, nullable=False),
    Column("event", String, nullable=False),
    Column("subject", String),
    Column("session_reference", String),
    Column("state", String),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("last_error", String),
    Index("ix_oauth_signals_due_at", "due_at"),
    Index("ix_oauth_signals_client_id", "client_id"),
    Index("ix_oauth_signals_created_at", "created_at"),
)
bound(signals, "client_id", "event", "subject", "session_reference", "state", remembered=False)
