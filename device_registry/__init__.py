"""Devices: identity, owners, one-time enrolment tokens, and life from registration to its end."""

from device_registry.changeover import ACTS as CHANGE_OVER_ACTS
from device_registry.changeover import ChangeOver, ChangeOverState, Progress
from device_registry.changing_over import ChangeOvers
from device_registry.device import Credential, Device, Owner, StateEvent, owner
from device_registry.device_life import DeviceLife, Foreseen
from device_registry.endpoints.calling import label_of, reason_of
from device_registry.endpoints.questions import QUESTIONS, UNDO
from device_registry.identifiers import Identifier
from device_registry.identifiers import parse as identifier
from device_registry.life import State
from device_registry.ports import Ended, EndsWithDevice
from device_registry.preparation import prepare
from device_registry.refusals import DeviceRefused
from device_registry.registration import Registered
from device_registry.registry import Devices
from device_registry.routes import routes_of
from device_registry.settings import DevicesSettings

SECTIONS = (DevicesSettings,)

__all__ = [
    "CHANGE_OVER_ACTS",
    "QUESTIONS",
    "SECTIONS",
    "UNDO",
    "ChangeOver",
    "ChangeOverState",
    "ChangeOvers",
    "Credential",
    "Device",
    "DeviceLife",
    "DeviceRefused",
    "Devices",
    "DevicesSettings",
    "Ended",
    "EndsWithDevice",
    "Foreseen",
    "Identifier",
    "Owner",
    "Progress",
    "Registered",
    "State",
    "StateEvent",
    "identifier",
    "label_of",
    "owner",
    "prepare",
    "reason_of",
    "routes_of",
]
