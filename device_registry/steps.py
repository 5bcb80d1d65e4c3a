"""Steps of a device's life: the state moves, the history grows, the audit knows — together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from device_registry import life, store
from device_registry.device import Device, Step
from device_registry.life import NotNow
from device_registry.refusals import not_possible
from foundation.audit import Actor, Audit
from foundation.database import UnitOfWork

# The audit's word for each act. Of the acts of an enrolment the gate tells itself, all in one.
_EVENTS: Mapping[str, str] = {
    "claim": "device.claimed",
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
    """Take one step inside the caller's unit of work; the new state.

    `device` must have been read with a lock in the same unit of work. Raises Conflict when the
    act is not possible in its state.
    """
    try:
        after = walk(uow, device, [(act, reason)], actor, now, evidence)
    except NotNow as problem:
        raise not_possible(problem) from problem
    if after is None:
        raise not_possible(NotNow(act, device.state))
    if act in _EVENTS:
        concerned = device.owner.person if device.owner is not None else ()
        before = device.state.value
        details = {"device": device.id, "before": before, "after": after.value, "reason": reason}
        audit.record(uow, _EVENTS[act], actor, concerned, details)
    return after


def walk(
    uow: UnitOfWork,
    device: Device,
    acts: Sequence[tuple[str, str]],
    actor: Actor,
    now: datetime,
    evidence: Mapping[str, Any] | None = None,
) -> life.State | None:
    """Steps that follow one another at once, each an act and its reason; the last state.

    None, and nothing is changed, if the device is no longer what `device` says. The
    caller tells the audit. Raises NotNow when an act is not possible in its state.
    """
    steps: list[Step] = []
    state = device.state
    for act, reason in acts:
        after = life.after(act, state)
        steps.append(Step(act, state, after, reason, evidence or {}))
        state = after
    return state if store.take(uow, device, steps, actor, now) else None
