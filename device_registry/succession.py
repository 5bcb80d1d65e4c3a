"""How a device's certificates follow one another: how often it renews, and which of them live on.

A newer certificate that its device shows ends the older ones of its kind; until then both work, so
a lost answer costs nobody a visit. A device whose answers keep on getting lost makes more of them:
a few live on, the one that it surely holds among them, and the rest end (RFC 5280 §5.3.1,
"superseded"). Nobody needs many, and each is a key that somebody may find.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from device_registry import credential_store
from device_registry.device import LIVING, Credential
from foundation.audit import Actor, Audit
from foundation.database import UnitOfWork
from foundation.errors import TooManyRequests
from foundation.marking import N_
from pki import Admission, CertificateAuthority, IssuedCertificate, recorded_since

MOST_LIVING = 3
"""Of one kind, in the hands of one device: the one in use, the newest, and one on its way."""
_HOUR = timedelta(hours=1)


class Succession:
    """Acts inside the caller's unit of work, on a device that the caller keeps locked."""

    def __init__(self, audit: Audit, authority: CertificateAuthority, most_in_an_hour: int) -> None:
        self._audit = audit
        self._authority = authority
        self._most = most_in_an_hour

    def check_pace(self, uow: UnitOfWork, admission: Admission, now: datetime) -> None:
        """Before anything is recorded. Raises TooManyRequests where the device got enough new
        certificates in the last hour. `follow` looks again, since here nobody waits for others.

        A repeat that leads to a certificate of this hour passes: it makes none.
        """
        rows = recorded_since(uow, admission.holder, admission.profile, now - _HOUR, now)
        if all(row.reference != admission.reference for row in rows):
            self._check([row.recorded_at for row in rows], now)

    def _check(self, earlier: Sequence[datetime], now: datetime) -> None:
        """`earlier`: when the others of this hour came, oldest first."""
        if len(earlier) < self._most:
            return
        free = earlier[-self._most] + _HOUR
        raise TooManyRequests(
            N_(
                "This device got %(most)s new certificates in the last hour; no more for now.",
                most=self._most,
            ),
            retry_after=max(1, math.ceil((free - now).total_seconds())),
            where="renewals",
            next_step="Use the newest one; renew again after the seconds that Retry-After names.",
        )

    def follow(
        self,
        uow: UnitOfWork,
        device_id: str,
        new: IssuedCertificate,
        rests_on: str | None,
        now: datetime,
        *,
        paced: bool,
    ) -> Credential | None:
        """After a new certificate: the one that it rests on was shown, so it is in use; then no
        more than a few live on. The credential that it rests on, where there is one.

        `paced`: no more of them in an hour than may be, also of those that came at once.
        """
        known = credential_store.living_or_since(uow, device_id, now - _HOUR)
        if paced:
            others = [c for c in known if c.profile == new.profile and c.serial != new.serial]
            hour = [c.issued_at for c in reversed(others) if now - _HOUR < c.issued_at <= now]
            self._check(hour, now)
        every = [c for c in known if c.state in LIVING]
        shown = next((c for c in every if c.serial == rests_on), None)
        if shown is not None and shown.state == "issued":
            self.take_into_use(uow, device_id, shown.serial, now)
            every = [c for c in every if c.profile != shown.profile or c.number >= shown.number]
        rest = outnumbered([c for c in every if c.profile == new.profile], rests_on)
        if rest:
            self._supersede(uow, credential_store.end_some(uow, rest, "superseded"), now)
            details = {"device": device_id, "serial": new.serial, "superseded": rest}
            self._audit.record(
                uow, "device.certificates_outnumbered", Actor("device", device_id), details=details
            )
        return shown

    def take_into_use(self, uow: UnitOfWork, device_id: str, serial: str, now: datetime) -> None:
        """The device showed this certificate; the first time ends the older ones of its kind."""
        if not credential_store.take_into_use(uow, serial, now):
            return
        older = credential_store.end(uow, device_id, "superseded", older_than=serial)
        self._supersede(uow, older, now)
        self._audit.record(
            uow,
            "device.certificate_in_use",
            Actor("device", device_id),
            details={"device": device_id, "serial": serial, "superseded": older},
        )

    def _supersede(self, uow: UnitOfWork, serials: Sequence[str], now: datetime) -> None:
        for serial in serials:
            self._authority.revoke(uow, serial, "superseded", now)


def outnumbered(living: Sequence[Credential], rests_on: str | None) -> list[str]:
    """Of a device's living credentials of one kind, newest first, the serials that are too many.

    Never the newest, never one that the device surely holds: the one that it has just shown, and
    the newest that it ever used.
    """
    used = next((c.serial for c in living if c.state == "in_use"), None)
    held = [c for c in living if c.serial in (living[0].serial, rests_on, used)]
    others = [c for c in living if c not in held]
    return [c.serial for c in others[max(0, MOST_LIVING - len(held)) :]]
