"""What a device may read of itself, with its certificate-bound token — RFC 8705 §3."""

from __future__ import annotations

from fastapi import Request

from device_registry.device_life import DeviceLife
from device_registry.representations import OwnDevice, invitation, own
from foundation import web


def own_device(life: DeviceLife, request: Request) -> OwnDevice:
    """The calling device and when it is to renew; refused when its state does not let it act."""
    caller = web.require(request, kind="device")
    device = life.devices.may_act(caller.id)
    now = life.devices.runtime.clock.now()
    profiles = life.devices.authority.profiles
    invited = [
        invitation(profiles[name]) for name in life.devices.change_overs.invitations(device, now)
    ]
    return own(device, life.devices.credentials(device.id), invited, now)
