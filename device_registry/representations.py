"""What the registry's JSON says and takes; every field appears in the OpenAPI page."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, StrictStr

from device_registry import renewal
from device_registry.device import LIVING, Credential, Device, StateEvent
from device_registry.life import State, possible
from pki import Profile


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IdentifierSaid(_Said):
    """A name of the device within a scheme."""

    scheme: Literal["eui64", "urn_dev", "urn_oid", "sgtin"]
    value: StrictStr = Field(max_length=200, examples=["00-24-BE-FF-FE-80-4F-F1"])


class OwnerSaid(_Said):
    """A citizen by the register's id, or an organisation by name."""

    kind: Literal["citizen", "organisation"]
    name: StrictStr = Field(min_length=1, max_length=120, examples=["Street Lighting"])


class NewDevice(_Said):
    """What registration needs."""

    label: StrictStr = Field(min_length=1, max_length=120, examples=["Lamp 114, Harbour Street"])
    owner: OwnerSaid
    identifiers: list[IdentifierSaid] = Field(default_factory=list, max_length=8)
    profile: StrictStr = Field(
        default="device", max_length=32, description="The kind of certificate that it enrols for."
    )


class Reason(_Said):
    """Why somebody acts on a device: kept in its history."""

    reason: StrictStr = Field(min_length=1, max_length=300, examples=["reported stolen"])


class DeviceSaid(_Said):
    """A device. `label` and `owner` are null once it is decommissioned.

    `profile` is the kind of certificate that it is registered for; `approved_at` when an operator
    approved a first one, where that kind waits for it.
    """

    id: str
    state: State
    label: str | None
    owner: OwnerSaid | None
    identifiers: list[IdentifierSaid]
    registered_at: datetime
    changed_at: datetime
    profile: str
    approved_at: datetime | None
    possible_acts: list[str]


class CredentialSaid(_Said):
    """A certificate of the device; `thumbprint` is `x5t#S256` of RFC 8705.

    `renew_after` is when to renew it: another moment for each certificate, so that devices that
    enrolled together do not come back together.
    """

    serial: str
    profile: str
    thumbprint: str
    state: str
    issued_at: datetime
    not_after: datetime
    renew_after: datetime
    first_used_at: datetime | None


class StepSaid(_Said):
    """One step of the device's life."""

    at: datetime
    act: str
    before: State | None
    after: State
    actor_kind: str
    actor_id: str
    reason: str


class DeviceWhole(DeviceSaid):
    """A device with its certificates and its history."""

    credentials: list[CredentialSaid]
    history: list[StepSaid]


class Invitation(_Said):
    """A further certificate that the device should enrol for, by EST at `path`, with its present
    certificate and a new key of one of `keys`."""

    profile: str
    path: str
    keys: list[str]


class OwnDevice(DeviceSaid):
    """What a device reads of itself: `renew_after` is that of its newest certificate of its own
    kind, `credentials` are those that still work, `enrol` the further kinds whose turn has come."""

    renew_after: datetime | None
    credentials: list[CredentialSaid]
    enrol: list[Invitation]


class RegisteredSaid(_Said):
    """A registered device and its one-time token, which is not shown again."""

    device: DeviceSaid
    enrolment_token: str
    token_expires_at: datetime


class DeviceList(_Said):
    """Devices from the newest; `next` is the `after` of the next page, null on the last one."""

    devices: list[DeviceSaid]
    next: str | None


def said(device: Device) -> DeviceSaid:
    return DeviceSaid.model_validate(_fields(device))


def whole(device: Device, credentials: list[Credential], history: list[StateEvent]) -> DeviceWhole:
    return DeviceWhole.model_validate(
        {
            **_fields(device),
            "credentials": [_credential(credential) for credential in credentials],
            "history": [
                {name: value for name, value in asdict(step).items() if name != "evidence"}
                for step in history
            ],
        }
    )


def invitation(profile: Profile) -> Invitation:
    return Invitation(
        profile=profile.name,
        path=f"/.well-known/est/{profile.est_label}/simpleenroll",
        keys=sorted(profile.keys),
    )


def own(
    device: Device, credentials: list[Credential], enrol: list[Invitation], now: datetime
) -> OwnDevice:
    """`credentials` newest first."""
    living = [c for c in credentials if c.state in LIVING and c.not_after > now]
    of_its_kind = [c for c in living if c.profile == device.profile]
    return OwnDevice.model_validate(
        {
            **_fields(device),
            "renew_after": renewal.moment(of_its_kind[0]) if of_its_kind else None,
            "credentials": [_credential(credential) for credential in living],
            "enrol": enrol,
        }
    )


def _credential(credential: Credential) -> dict[str, object]:
    said = {name: value for name, value in asdict(credential).items() if name != "number"}
    return {**said, "renew_after": renewal.moment(credential)}


def _fields(device: Device) -> dict[str, object]:
    owner = device.owner
    return {
        "id": device.id,
        "state": device.state,
        "label": device.label,
        "owner": {"kind": owner.kind, "name": owner.name} if owner is not None else None,
        "identifiers": [{"scheme": i.scheme, "value": i.value} for i in device.identifiers],
        "registered_at": device.registered_at,
        "changed_at": device.changed_at,
        "profile": device.profile,
        "approved_at": device.approved_at,
        "possible_acts": list(possible(device.state)),
    }
