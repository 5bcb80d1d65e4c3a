"""Devices, their names, owners, tokens, credentials, and every step of their lives."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    text,
)

from device_registry.device import LIVING
from foundation.clock import Instant
from foundation.database import Json, metadata
from foundation.row_macs import NOW, Once, bound, grants_nothing

devices = Table(
    "devices",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("label", String(120)),
    # The kind of certificate that it enrols for, a profile of pki.
    Column("profile", String(32), nullable=False, server_default="device"),
    # Where the profile waits for a human: when an operator said yes to a first certificate.
    Column("approved_at", Instant),
    Column("owner_kind", String(16)),
    Column("owner", String(120)),
    Column("registered_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Index("ix_devices_owner", "owner_kind", "owner"),
    Index("ix_devices_registered_at", "registered_at", "id"),
)
bound(
    devices,
    "state",
    "profile",
    "approved_at",
    "owner_kind",
    "owner",
    takes=lambda before, after: bool(
        after["state"] in ("suspended", "quarantined", "transferred", "revoked", "decommissioned")
        or any(before[c] != after[c] for c in ("profile", "owner_kind", "owner"))
        or (before["approved_at"] is not None and after["approved_at"] is None)
    ),
    ends={"state": "suspended", "changed_at": NOW},
)

device_identifiers = Table(
    "device_identifiers",
    metadata,
    Column("device_id", String(32), ForeignKey("devices.id"), nullable=False),
    Column("scheme", String(16), nullable=False),
    Column("value", String(200), nullable=False),
    Column("issuer", String(120), nullable=False),
    Column("verified_by", String(64), nullable=False),
    UniqueConstraint("scheme", "value", name="uq_device_identifiers_scheme_value"),
    Index("ix_device_identifiers_device_id", "device_id"),
)
bound(
    device_identifiers,
    "device_id",
    "issuer",
    "verified_by",
    key=("scheme", "value"),
    reused=True,
)

device_state_events = Table(
    "device_state_events",
    metadata,
    # Steps are numbered within a device, so that none can be slipped in or taken out unseen.
    Column("device_id", String(32), ForeignKey("devices.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("act", String(16), nullable=False),
    Column("before", String(16)),
    Column("after", String(16), nullable=False),
    Column("actor_kind", String(16), nullable=False),
    Column("actor_id", String(64), nullable=False),
    Column("reason", String(300), nullable=False),
    Column("evidence", Json, nullable=False),
    Index("ix_device_state_events_come_back", "at", sqlite_where=text("act = 'come_back'"),
          postgresql_where=text("act = 'come_back'")),
)  # fmt: skip
grants_nothing(device_state_events, "it tells what was; the state is the device's own")

device_ownership_events = Table(
    "device_ownership_events",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("device_id", String(32), ForeignKey("devices.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("act", String(16), nullable=False),
    Column("owner_kind", String(16)),
    Column("owner", String(120)),
    Index("ix_device_ownership_events_device_id", "device_id"),
)
grants_nothing(device_ownership_events, "it tells who was; the owner is the device's own")

enrolment_tokens = Table(
    "enrolment_tokens",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("device_id", String(32), ForeignKey("devices.id"), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("withdrawn_at", Instant),
    # Bound at first use to the key that the request proved to hold.
    Column("bound_at", Instant),
    Column("bound_key", String(64)),
    UniqueConstraint("digest", name="uq_enrolment_tokens_digest"),
    Index("ix_enrolment_tokens_device_id", "device_id"),
)
bound(
    enrolment_tokens,
    "device_id",
    "digest",
    "made_at",
    "expires_at",
    "bound_key",
    only_while={"withdrawn_at": (None,)},
    remembered="soon",
    until="expires_at",
    # Bound to a key already it is of use for that key alone.
    once=Once("enrolment tokens of devices", only_while={"bound_key": (None,)}),
)

device_credentials = Table(
    "device_credentials",
    metadata,
    Column("serial", String(40), primary_key=True),
    Column("device_id", String(32), ForeignKey("devices.id"), nullable=False),
    # Of the device's certificates, in the order of issue: a newer one replaces lower numbers of
    # the same profile.
    Column("number", Integer, nullable=False),
    Column("profile", String(32), nullable=False, server_default="device"),
    Column("thumbprint", String(43), nullable=False),
    Column("state", String(16), nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("not_after", Instant, nullable=False),
    Column("first_used_at", Instant),
    UniqueConstraint("device_id", "number", name="uq_device_credentials_device_id_number"),
    Index("ix_device_credentials_profile", "profile", "state", "device_id"),
)
bound(
    device_credentials,
    "device_id",
    "profile",
    "thumbprint",
    "not_after",
    only_while={"state": LIVING},
    remembered="soon",
    until="not_after",
    ends={"state": "revoked"},
)

device_changeovers = Table(
    "device_changeovers",
    metadata,
    # Devices of one profile take a second certificate, of another one, wave by wave.
    Column("id", String(32), primary_key=True),
    Column("from_profile", String(32), nullable=False),
    Column("to_profile", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("planned_at", Instant, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Index(
        "uq_device_changeovers_open",
        "to_profile",
        unique=True,
        sqlite_where=text("state IN ('planned', 'running', 'paused')"),
        postgresql_where=text("state IN ('planned', 'running', 'paused')"),
    ),
)
bound(
    device_changeovers,
    "from_profile",
    "to_profile",
    "state",
    "starts_at",
    "ends_at",
    ends={"state": "undone"},
)
