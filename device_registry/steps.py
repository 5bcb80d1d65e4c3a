"""One step of a device's life: the state moves, the history grows, the audit knows — together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from device_registry import life, store
from device_registry.device import Device
from device_registry.life import NotNow
from device_registry.refusals import not_possible
from foundation.audit import Actor, Audit
from foundation.database import UnitOfWork

# The audit's word for each act. The gate tells of `activate` and `renew` itself, with the serial.
_EVENTS: Mapping[str, str] = {
    "claim": "device.claimed",
    "bootstrap": "device.bootstrapped",
    "fall_due": "device.renewal_due",
    "suspend": "device.suspended",
    "reactivate": "device.reactivated",
    "quarantine": "device.quarantined",
    "release": "device.released",
    "transfer": "device.transferred",
    "revoke": "device.revoked",
    "decommission": "device.decommissioned",
}


def step(
    uow: UnitOfWork,
    audit: Audit,
    device: Device,
    act: str,
    actor: Actor,
    reason: str,
    now: datetime,
    evidence: Mapping[str, Any] | None = None,
) -> life.State:
    """Take a step inside the caller's unit of work; the new state.

    `device` must have been read with a lock in the same unit of work. Raises Conflict when the
    act is not possible in its state.
    """
    try:
        after = life.after(act, device.state)
    except NotNow as problem:
        raise not_possible(problem) from problem
    if not store.move(uow, device.id, device.state, after, now):
        raise not_possible(NotNow(act, device.state))
    store.note(uow, device.id, act, device.state, after, actor, reason, evidence or {}, now)
    if act not in _EVENTS:
        return after
    audit.record(
        uow,
        _EVENTS[act],
        actor,
        device.owner.person if device.owner is not None else (),
        {"device": device.id, "before": device.state.value, "after": after.value, "reason": reason},
    )
    return after
