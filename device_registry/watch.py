"""Refused enrolments: noted, throttled, and a burst raises an alert — EN 303 645 5.10."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from device_registry import store
from device_registry.device import Device
from device_registry.settings import DevicesSettings
from foundation import networks
from foundation.audit import Actor, Audit
from foundation.database import Database, UnitOfWork
from foundation.errors import Problem, TooManyRequests
from foundation.rates import Rates
from pki import Caller

log = logging.getLogger("civitas.devices")
WINDOW = timedelta(minutes=10)


class Watch:
    """Who keeps on failing, and from where."""

    def __init__(
        self, database: Database, audit: Audit, rates: Rates, settings: DevicesSettings
    ) -> None:
        self._database = database
        self._audit = audit
        self._rates = rates
        self._settings = settings

    def refused(self, caller: Caller, refusal: Problem, now: datetime) -> Problem:
        """Note a refusal, and answer 429 to who keeps on failing.

        Only failures count and only failures are answered so: a caller with the right token is
        never locked out by another one's wrong guesses, not even behind the same address.
        """
        claimed = caller.certificate.holder if caller.certificate else (caller.username or "")
        try:
            with self._database.write() as uow:
                device = store.get(uow, claimed[:32])
                # All made-up ids count as one, or each would be entitled to its own entries.
                bucket = f"enrolment refused {device.id if device is not None else ''}"
                limit = self._settings.refusals_per_device
                self._rates.attempt_from(
                    uow, bucket, caller.address, limit, WINDOW, now, shared=True
                )
                self._rates.wrong_from(uow, bucket, caller.address, limit, WINDOW, now)
                self._note(uow, device, refusal)
                self._watch(uow, caller.address, now)
        except TooManyRequests as throttled:
            with self._database.write() as uow:
                self._watch(uow, caller.address, now)
            if isinstance(refusal, TooManyRequests):
                return refusal  # it knows better how long
            throttled.where = "enrolment"
            return throttled
        return refusal

    def _note(self, uow: UnitOfWork, device: Device | None, refusal: Problem) -> None:
        self._audit.record(
            uow,
            "device.enrolment_refused",
            # Who it really was is not proven; and the public part must not tell who is known.
            Actor("system", "pki"),
            device.owner.person if device is not None and device.owner is not None else (),
            {
                "device": device.id if device is not None else None,
                "where": refusal.where,
                "reason": refusal.description,
            },
        )

    def _watch(self, uow: UnitOfWork, address: str, now: datetime) -> None:
        """EN 303 645 5.10: a burst raises one alert, not one for each failure, nor for each address
        of who has many."""
        most, address = self._settings.alert_after_refusals, networks.party(address)
        try:
            self._rates.attempt(uow, "enrolment burst", address, most, WINDOW, now)
        except TooManyRequests:
            try:
                self._rates.attempt(uow, "enrolment alert", address, 1, WINDOW, now)
            except TooManyRequests:
                return
            log.warning("more than %d refused enrolments from one address in %s", most, WINDOW)
            self._audit.record(
                uow,
                "device.enrolment_burst",
                Actor("system", "device_registry"),
                details={"address": address, "more_than": most},
            )
