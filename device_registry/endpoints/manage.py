"""The registry as JSON for operators' tools and city services — RFC 9457 for its refusals."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query, Request

from device_registry.device_life import DeviceLife
from device_registry.endpoints.calling import (
    identifier_of,
    label_of,
    manager,
    owner_of,
    reason_of,
)
from device_registry.registration import Registered
from device_registry.representations import (
    DeviceList,
    DeviceSaid,
    DeviceWhole,
    NewDevice,
    OwnerSaid,
    Reason,
    RegisteredSaid,
    said,
    whole,
)

DeviceId = Annotated[str, Path(max_length=32, description="The opaque id, `dev-…` (or `dev_…`).")]


def list_devices(
    life: DeviceLife,
    request: Request,
    after: Annotated[str | None, Query(max_length=32, description="`next` of a page.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> DeviceList:
    """List devices, newest first."""
    manager(request)
    found = life.devices.page(after, limit)
    more = found[-1].id if len(found) == limit else None
    return DeviceList(devices=[said(device) for device in found], next=more)


def register_device(life: DeviceLife, request: Request, new: NewDevice) -> RegisteredSaid:
    """Register a device with its owner; the answer shows its one-time token, once."""
    actor = manager(request)
    return _shown_once(
        life.devices.register(
            label_of(new.label),
            owner_of(new.owner.kind, new.owner.name),
            [identifier_of(i.scheme, i.value) for i in new.identifiers],
            actor,
            life.devices.runtime.clock.now(),
            new.profile,
        )
    )


def get_device(life: DeviceLife, request: Request, device_id: DeviceId) -> DeviceWhole:
    """A device with its certificates and every step of its life."""
    manager(request)
    return whole(
        life.devices.get(device_id),
        life.devices.credentials(device_id),
        life.devices.history(device_id),
    )


def new_token(life: DeviceLife, request: Request, device_id: DeviceId) -> RegisteredSaid:
    """Make another one-time token; earlier ones stop working."""
    actor = manager(request)
    return _shown_once(life.devices.new_token(device_id, actor, life.devices.runtime.clock.now()))


def approve_device(
    life: DeviceLife, request: Request, device_id: DeviceId, why: Reason
) -> DeviceSaid:
    """Approve a first certificate for a device whose kind waits for an operator."""
    actor = manager(request)
    now = life.devices.runtime.clock.now()
    return said(life.devices.approve(device_id, actor, reason_of(why.reason), now))


def claim_device(
    life: DeviceLife, request: Request, device_id: DeviceId, owner: OwnerSaid
) -> RegisteredSaid:
    """Give a transferred device its new owner, and a token to enrol anew."""
    actor = manager(request)
    now = life.devices.runtime.clock.now()
    return _shown_once(life.devices.claim(device_id, owner_of(owner.kind, owner.name), actor, now))


def act_on_device(
    life: DeviceLife, act: str, request: Request, device_id: DeviceId, why: Reason
) -> DeviceSaid:
    """Take one step in the device's life; it takes effect on the device's next use."""
    actor = manager(request)
    now = life.devices.runtime.clock.now()
    return said(life.act(act, device_id, actor, reason_of(why.reason), now))


def _shown_once(registered: Registered) -> RegisteredSaid:
    return RegisteredSaid(
        device=said(registered.device),
        enrolment_token=registered.token,
        token_expires_at=registered.expires_at,
    )
