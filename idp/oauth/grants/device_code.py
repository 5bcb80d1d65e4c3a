"""The device code grant: a device asks until the person has answered — RFC 8628 §3.4, §3.5."""

from __future__ import annotations

from datetime import datetime

from foundation.database import UnitOfWork
from idp.oauth import device_codes
from idp.oauth.client import DEVICE_CODE
from idp.oauth.device_codes import DeviceCode
from idp.oauth.grants.asked_again import AskedAgainGrant


class DeviceCodeGrant(AskedAgainGrant[DeviceCode]):
    name = DEVICE_CODE
    member, called = "device_code", "device code"

    def find(self, uow: UnitOfWork, secret: str) -> DeviceCode | None:
        return device_codes.of_device(uow, secret)

    def polled(self, uow: UnitOfWork, digest: bytes, now: datetime) -> bool:
        return device_codes.polled(uow, digest, now)

    def use(self, uow: UnitOfWork, digest: bytes) -> bool:
        return device_codes.use(uow, digest)
