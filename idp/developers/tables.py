"""Tables of the integrators' place: whose a service is, and sign-ins that are tried."""

from sqlalchemy import Column, Index, LargeBinary, String, Table

from foundation.clock import Instant
from foundation.database import metadata
from foundation.row_macs import Once, bound

# Whose a service is that somebody made in the browser, and how far it has come.
services = Table(
    "developer_services",
    metadata,
    Column("client_id", String, primary_key=True),
    Column("owner_kind", String(16), nullable=False),  # citizen | staff
    Column("owner_id", String(64), nullable=False),
    Column("program", String(32), nullable=False),
    Column("url", String(1000), nullable=False),
    Column("state", String(16), nullable=False),  # test | asked | production | removed
    # What is asked for, and why, in the developer's words; what was answered, in the operator's.
    Column("wish", String(4000)),
    Column("answer", String(500)),
    Column("created_at", Instant, nullable=False),
    Column("asked_at", Instant),
    Column("decided_at", Instant),
    Index("ix_developer_services_owner_id", "owner_id"),
    Index("ix_developer_services_state", "state"),
)
# An operator approves what stands here.
bound(services, "owner_kind", "owner_id", "program", "url", "state", "wish", remembered=False)

# A sign-in that a developer tries at a service of theirs, from the page to its answer.
trials = Table(
    "developer_trials",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("client_id", String, nullable=False),
    Column("browser_digest", LargeBinary(32)),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Index("ix_developer_trials_expires_at", "expires_at"),
)
bound(
    trials,
    "client_id",
    "browser_digest",
    "expires_at",
    only_while={"used_at": (None,)},
    remembered=False,
    until="expires_at",
    once=Once("sign-ins that developers try", forgotten=True),
)
