"""May this caller enrol, and as which device? — RFC 7030 §3.2.3, §4.2, EN 303 645 5.1, 5.10.

A one-time token belongs to one device and binds at first use to the key of the request: a repeat
with the same key finishes the same issuance, another key is refused. A renewal is admitted by the
certificate that is renewed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from device_registry import store
from device_registry.device import Device
from device_registry.life import MAY_AUTHENTICATE, MAY_ENROL, State
from device_registry.refusals import in_state
from device_registry.settings import DevicesSettings
from device_registry.steps import walk
from foundation import opaque
from foundation.audit import Actor, Audit
from foundation.database import Database, UnitOfWork
from foundation.errors import Problem, TooManyRequests
from foundation.rates import Rates
from pki import (
    Admission,
    Caller,
    CertificateRequest,
    EnrolmentRefused,
    EnrolmentUnauthorized,
    IssuedCertificate,
)

log = logging.getLogger("civitas.devices")
WINDOW = timedelta(minutes=10)
_BY_TOKEN, _BY_CERTIFICATE = "token", "renewal"
_ASK = "Ask the operator for a new enrolment token."
# What a certificate does to its device, by the state in which it finds it: acts and reasons.
_ENROLLED = ("activate", "enrolled")
_NEXT = {
    State.CLAIMED: (("bootstrap", "presented its token"), _ENROLLED),
    State.BOOTSTRAPPED: (_ENROLLED,),
    State.RENEWAL_DUE: (("renew", "renewed in time"),),
}


class Gate:
    """Answers `pki.EnrolmentGate`."""

    def __init__(
        self, database: Database, audit: Audit, rates: Rates, settings: DevicesSettings
    ) -> None:
        self._database = database
        self._audit = audit
        self._rates = rates
        self._settings = settings

    # ── asking ────────────────────────────────────────────────────────────────────────

    def admit(self, caller: Caller, request: CertificateRequest, now: datetime) -> Admission:
        if caller.secret is not None:
            return self._by_token(caller, request, now)
        if caller.certificate is not None:
            return self._by_certificate(caller, request)
        raise EnrolmentUnauthorized(
            "token_missing",
            "A first enrolment needs the device's id and its one-time token.",
            "Send them by HTTP Basic: the id as user, the token as password.",
        )

    def _by_token(self, caller: Caller, request: CertificateRequest, now: datetime) -> Admission:
        with self._database.read() as uow:
            found = store.by_token(uow, opaque.digest(caller.secret or ""))
        if found is None or found[1].id != caller.username:
            # One sentence for both, so that nobody learns which devices exist.
            raise EnrolmentUnauthorized(
                "token_unknown", "The device id and the token do not belong together.", _ASK
            )
        token, device = found
        if token.bound_key not in (None, request.public_key.digest):
            raise EnrolmentRefused(
                "token_used", "The token was already used, with another key.", _ASK
            )
        if token.withdrawn_at is not None or token.expires_at <= now:
            raise EnrolmentUnauthorized("token_expired", "The token has expired.", _ASK)
        if device.state not in MAY_ENROL:
            raise _refused(device)
        return _admission(f"{_BY_TOKEN}:{token.id}", device)

    def _by_certificate(self, caller: Caller, request: CertificateRequest) -> Admission:
        assert caller.certificate is not None  # noqa: S101 - checked by `admit`
        old = caller.certificate
        with self._database.read() as uow:
            device = store.get(uow, old.holder)
        if device is None:
            raise EnrolmentRefused(
                "not_a_device", "The certificate does not belong to a device.", _ASK
            )
        if device.state not in MAY_AUTHENTICATE:
            raise _refused(device)
        reference = f"{_BY_CERTIFICATE}:{old.serial}:{request.public_key.digest}"
        return _admission(reference, device)

    # ── spending and taking note ──────────────────────────────────────────────────────

    def bind(self, uow: UnitOfWork, admission: Admission, public_key: str, now: datetime) -> None:
        way, _, token = admission.reference.partition(":")
        if way == _BY_TOKEN and not store.bind_token(uow, token, public_key, now):
            raise EnrolmentRefused(
                "token_used", "The token was already used, or has expired.", _ASK
            )

    def issued(
        self, uow: UnitOfWork, admission: Admission, certificate: IssuedCertificate, now: datetime
    ) -> None:
        evidence = {"serial": certificate.serial}
        device = self._taken_further(uow, admission, evidence, now)
        store.add_credential(
            uow,
            certificate.serial,
            device.id,
            certificate.profile,
            certificate.thumbprint,
            certificate.not_after,
            now,
        )
        renewed = admission.reference.startswith(_BY_CERTIFICATE)
        self._audit.record(
            uow,
            "device.renewed" if renewed else "device.enrolled",
            _as(device),
            device.owner.person if device.owner is not None else (),
            {
                "device": device.id,
                "serial": certificate.serial,
                "profile": certificate.profile,
                "thumbprint": certificate.thumbprint,
                "not_after": certificate.not_after.isoformat(),
            },
        )

    def _taken_further(
        self, uow: UnitOfWork, admission: Admission, evidence: Mapping[str, str], now: datetime
    ) -> Device:
        """The device, where a certificate takes it, and kept there until the commit."""
        seen = admission.memo
        # The step itself finds out whether the device is still what it was a moment ago.
        if (
            isinstance(seen, Device)
            and seen.state in _NEXT
            and walk(uow, seen, _NEXT[seen.state], _as(seen), now, evidence) is not None
        ):
            return seen
        device = self._still_admitted(uow, admission)
        if device.state in _NEXT:
            walk(uow, device, _NEXT[device.state], _as(device), now, evidence)
        return device

    def _still_admitted(self, uow: UnitOfWork, admission: Admission) -> Device:
        """The device, kept as it is until the commit: it may have been suspended meanwhile."""
        device = store.locked(uow, admission.holder)
        if device is None:
            raise EnrolmentRefused("not_a_device", "The device is not registered.", _ASK)
        renewal = admission.reference.startswith(_BY_CERTIFICATE)
        if device.state not in (MAY_AUTHENTICATE if renewal else MAY_ENROL):
            raise _refused(device)
        return device

    # ── watching ──────────────────────────────────────────────────────────────────────

    def refused(self, caller: Caller, refusal: Problem, now: datetime) -> Problem:
        """Note a refusal, and answer 429 to who keeps on failing.

        Only failures count and only failures are answered so: a caller with the right token is
        never locked out by another one's wrong guesses, not even behind the same address.
        """
        claimed = caller.certificate.holder if caller.certificate else (caller.username or "")
        try:
            with self._database.write() as uow:
                device = store.get(uow, claimed[:32])
                self._rates.attempt(
                    uow,
                    "enrolment refused",
                    # All made-up ids count as one, or each would be entitled to its own entries.
                    f"{caller.address}\0{device.id if device is not None else ''}",
                    self._settings.refusals_per_device,
                    WINDOW,
                    now,
                )
                self._note(uow, device, refusal)
                self._watch(uow, caller.address, now)
        except TooManyRequests as throttled:
            with self._database.write() as uow:
                self._watch(uow, caller.address, now)
            throttled.where = "enrolment"
            return throttled
        return refusal

    def _note(self, uow: UnitOfWork, device: Device | None, refusal: Problem) -> None:
        self._audit.record(
            uow,
            "device.enrolment_refused",
            _as(device) if device is not None else Actor("system", "pki"),
            device.owner.person if device is not None and device.owner is not None else (),
            {
                "device": device.id if device is not None else None,
                "where": refusal.where,
                "reason": refusal.description,
            },
        )

    def _watch(self, uow: UnitOfWork, address: str, now: datetime) -> None:
        """EN 303 645 5.10: a burst raises one alert, not one for each failure."""
        most = self._settings.alert_after_refusals
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


def _as(device: Device) -> Actor:
    return Actor("device", device.id)


def _refused(device: Device) -> EnrolmentRefused:
    refusal = in_state(device.state)
    return EnrolmentRefused(refusal.reason, refusal.description, refusal.next_step or _ASK)


def _admission(reference: str, device: Device) -> Admission:
    uris = tuple(identifier.uri for identifier in device.identifiers)
    return Admission(
        reference=reference,
        holder=device.id,
        profile="device",
        common_name=device.id,
        names=tuple(f"URI:{uri}" for uri in uris),
        memo=device,
    )
