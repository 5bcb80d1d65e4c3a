"""What a device may read of itself, with its certificate-bound token — RFC 8705 §3."""

from __future__ import annotations

from fastapi import Request

from device_registry.device_life import DeviceLife
from device_registry.representations import DeviceSaid, said
from foundation import web


def own_device(life: DeviceLife, request: Request) -> DeviceSaid:
    """The calling device; refused, with the reason, when its state does not let it act."""
    caller = web.require(request, kind="device")
    return said(life.devices.may_act(caller.id))
