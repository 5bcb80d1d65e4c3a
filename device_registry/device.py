"""A device: an id that is never used again, its owner, its state — IEEE 802.1AR, EN 303 645."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from device_registry.identifiers import Identifier
from device_registry.life import State
from foundation.marking import N_


@dataclass(frozen=True, slots=True)
class Owner:
    """Who answers for a device: a citizen by id, or an organisation by name."""

    kind: str
    name: str

    @property
    def person(self) -> tuple[str, ...]:
        """The concerned person, for the ledger: an organisation is none."""
        return (self.name,) if self.kind == "citizen" else ()


def owner(kind: str, name: str) -> Owner:
    """Raises ValueError with a sentence."""
    name = " ".join(name.split())
    if kind not in ("citizen", "organisation"):
        raise ValueError(N_("An owner is a citizen or an organisation."))
    if kind == "citizen" and not name.startswith("per_"):
        raise ValueError(N_("A citizen is named by the register's id, which begins with per_."))
    if not name or len(name) > 120 or not name.isprintable():
        raise ValueError(N_("Write the owner's name or id, 120 characters at most."))
    return Owner(kind, name)


@dataclass(frozen=True, slots=True)
class Device:
    """`label` and `owner` are None once the device is decommissioned.

    `profile` is the kind of certificate that it is registered for; `approved_at` when an operator
    said yes to a first one, where that kind waits for a human.
    """

    id: str
    state: State
    label: str | None
    owner: Owner | None
    identifiers: tuple[Identifier, ...]
    registered_at: datetime
    changed_at: datetime
    profile: str = "device"
    approved_at: datetime | None = None
    row_mac: bytes | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Step:
    """From one state to the next, why, and on which evidence."""

    act: str
    before: State | None
    after: State
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StateEvent:
    """One step of a device's life: who did what, why, on which evidence."""

    at: datetime
    act: str
    before: State | None
    after: State
    actor_kind: str
    actor_id: str
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CameBack:
    """A device that renewed at an instant with a certificate that had expired."""

    device_id: str
    label: str | None
    at: datetime
    reason: str


LIVING = ("issued", "in_use")
"""The states of a credential that its device may use."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A certificate in a device's hands; its state is apart from that of the device. Of a device's
    certificates a newer one has the higher `number`."""

    serial: str
    profile: str
    thumbprint: str
    state: str
    issued_at: datetime
    not_after: datetime
    first_used_at: datetime | None
    number: int
