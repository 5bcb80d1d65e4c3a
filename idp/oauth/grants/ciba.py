"""The CIBA grant: a service asks until a person answered, or is told — CIBA Core 1.0 §10.1."""

from __future__ import annotations

from datetime import datetime

from foundation.database import UnitOfWork
from idp.oauth import backchannel_requests
from idp.oauth.backchannel_requests import BackchannelRequest
from idp.oauth.client import CIBA
from idp.oauth.grants.asked_again import AskedAgainGrant


class CibaGrant(AskedAgainGrant[BackchannelRequest]):
    name = CIBA
    member = called = "auth_req_id"

    def find(self, uow: UnitOfWork, secret: str) -> BackchannelRequest | None:
        return backchannel_requests.of_service(uow, secret)

    def polled(self, uow: UnitOfWork, digest: bytes, now: datetime) -> bool:
        return backchannel_requests.polled(uow, digest, now)

    def use(self, uow: UnitOfWork, digest: bytes) -> bool:
        return backchannel_requests.use(uow, digest)
