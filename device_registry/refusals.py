"""Why a device is turned away, for the machine and for the person who mends it."""

from __future__ import annotations

from typing import Any, ClassVar

from device_registry.life import NotNow, State
from foundation.errors import Conflict, Forbidden, NotFound
from foundation.marking import N_, Sentence


class DeviceRefused(Forbidden):
    """The caller is no device that may act now; `reason` is for machines."""

    code: ClassVar[str] = "device_refused"

    def __init__(self, reason: str, description: str, next_step: str, **more: Any) -> None:
        super().__init__(description, where=reason, next_step=next_step, **more)
        self.reason = reason


_NEXT: dict[State, str] = {
    State.REGISTERED: "Have its owner claim it, then enrol it.",
    State.CLAIMED: "Enrol it by EST with its one-time token.",
    State.BOOTSTRAPPED: "Repeat the enrolment with the same key.",
    State.SUSPENDED: "Ask the operator to reactivate the device.",
    State.QUARANTINED: "Bring its firmware up to date, then ask the operator to release it.",
    State.TRANSFERRED: "Have the new owner claim it, then enrol it again.",
    State.REVOKED: "Register the device anew once the reason is mended.",
    State.DECOMMISSIONED: "This is final: register a new device.",
}


def in_state(state: State) -> DeviceRefused:
    """The refusal for a device whose state does not let it act."""
    return DeviceRefused(
        state.value,
        f"The device is {state.value.replace('_', ' ')}.",
        _NEXT.get(state, "Try again."),
    )


def not_possible(problem: NotNow) -> Conflict:
    return Conflict(
        N_(
            "A device that is %(state)s cannot %(act)s.",
            state=Sentence(problem.state.value.replace("_", " "), {}),
            act=Sentence(problem.act.replace("_", " "), {}),
        ),
        where="state",
        next_step=_NEXT.get(problem.state, "Look at the device's state first."),
    )


def unknown_device() -> NotFound:
    return NotFound(
        "There is no device of that id.", where="device", next_step="Look it up in the list."
    )
