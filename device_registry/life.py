"""The life of a device as a table: which act leads from which states to which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """`decommissioned` is final."""

    REGISTERED = "registered"
    CLAIMED = "claimed"
    BOOTSTRAPPED = "bootstrapped"
    ACTIVE = "active"
    RENEWAL_DUE = "renewal_due"
    SUSPENDED = "suspended"
    QUARANTINED = "quarantined"
    TRANSFERRED = "transferred"
    REVOKED = "revoked"
    DECOMMISSIONED = "decommissioned"


@dataclass(frozen=True, slots=True)
class Act:
    """`ends`: what rests on the device (tokens, sessions) ends with it. `revokes`: a CRLReason.
    `holds`: its certificates go on hold, which an act that `releases` takes back."""

    name: str
    before: frozenset[State]
    after: State
    ends: bool = False
    revokes: str | None = None
    holds: bool = False
    releases: bool = False


class NotNow(Exception):
    """The act is not possible in this state."""

    def __init__(self, act: str, state: State) -> None:
        super().__init__(f"{act} is not possible while the device is {state}")
        self.act = act
        self.state = state


_S = State
_WORKING = frozenset({_S.ACTIVE, _S.RENEWAL_DUE})
_LIVING = frozenset(_S) - {_S.DECOMMISSIONED}

ACTS: Mapping[str, Act] = MappingProxyType(
    {
        act.name: act
        for act in (
            Act("claim", frozenset({_S.REGISTERED, _S.TRANSFERRED}), _S.CLAIMED),
            Act("bootstrap", frozenset({_S.CLAIMED}), _S.BOOTSTRAPPED),
            Act("activate", frozenset({_S.BOOTSTRAPPED}), _S.ACTIVE),
            Act("fall_due", frozenset({_S.ACTIVE}), _S.RENEWAL_DUE),
            Act("renew", frozenset({_S.RENEWAL_DUE}), _S.ACTIVE),
            Act("suspend", _WORKING, _S.SUSPENDED, ends=True, holds=True),
            Act("reactivate", frozenset({_S.SUSPENDED}), _S.ACTIVE, releases=True),
            Act("quarantine", _WORKING, _S.QUARANTINED, ends=True, holds=True),
            Act("release", frozenset({_S.QUARANTINED}), _S.ACTIVE, releases=True),
            Act(
                "transfer",
                _LIVING - {_S.REGISTERED, _S.TRANSFERRED, _S.REVOKED},
                _S.TRANSFERRED,
                ends=True,
                revokes="affiliationChanged",
            ),
            Act(
                "revoke",
                _LIVING - {_S.REVOKED},
                _S.REVOKED,
                ends=True,
                revokes="privilegeWithdrawn",
            ),
            Act(
                "decommission",
                _LIVING,
                _S.DECOMMISSIONED,
                ends=True,
                revokes="cessationOfOperation",
            ),
        )
    }
)

MAY_AUTHENTICATE = _WORKING
MAY_ENROL = _WORKING | {_S.CLAIMED, _S.BOOTSTRAPPED}


def after(act: str, state: State) -> State:
    """The state that an act leads to. Raises NotNow."""
    rule = ACTS[act]
    if state not in rule.before:
        raise NotNow(act, state)
    return rule.after


def possible(state: State) -> tuple[str, ...]:
    """The acts that are possible in a state, in the table's order."""
    return tuple(act.name for act in ACTS.values() if state in act.before)
