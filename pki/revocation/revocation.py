"""Revocation as an act: for good, or on hold; at once at our own endpoints — RFC 5280 §5.3.1."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Row

from foundation.audit import Actor, Audit
from foundation.database import UnitOfWork
from pki import store as certificate_store
from pki.status import store
from pki.status.encoding import CODES
from pki.status.store import HOLD

RELEASE = "removeFromCRL"
REASONS = MappingProxyType({"unspecified": 0, **{n: c for n, c in CODES.items() if n != RELEASE}})
"""The CRLReasons that revoke, by the names of RFC 5280."""
BANS_THE_KEY = frozenset({"keyCompromise", "cACompromise", "aACompromise"})
PKI = Actor("system", "pki")


class Revocation:
    """Acts inside the caller's unit of work: what is told and what is changed stand together."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def revoke(self, uow: UnitOfWork, serial: str, reason: str, now: datetime) -> bool:
        """Revoke a certificate; whether it was this call that did.

        `reason` is a CRLReason of RFC 5280 §5.3.1 by its name. "certificateHold" can be taken
        back by `release`, and gives way to every other reason. With "keyCompromise" all other
        certificates for the key are revoked too, and nobody gets one for it again.
        """
        done = self.change(uow, (serial,), reason, now)
        event = "certificate.held" if reason == HOLD else "certificate.revoked"
        for one in done:
            self._audit.record(uow, event, PKI, details={"serial": one, "reason": reason})
        return serial in done

    def release(self, uow: UnitOfWork, serial: str, now: datetime) -> bool:
        """Take a certificate off hold; whether it was on hold until this call."""
        done = self.change(uow, (serial,), RELEASE, now)
        if done:
            self._audit.record(uow, "certificate.released", PKI, details={"serial": serial})
        return bool(done)

    def change(
        self, uow: UnitOfWork, serials: Sequence[str], reason: str, now: datetime
    ) -> list[str]:
        """The change without the telling: the serials that it concerned, in order."""
        if reason == RELEASE:
            return sorted(row.serial for row in store.release(uow, serials, now))
        if reason not in REASONS:
            raise ValueError(f"{reason!r} is not a CRLReason")
        done = list(store.revoke(uow, serials, reason, now))
        if done and reason in BANS_THE_KEY:
            done += self.end_keys(uow, done, reason, now)
        return sorted(row.serial for row in done)

    def end_keys(
        self, uow: UnitOfWork, known: Sequence[Row[Any]], reason: str, now: datetime
    ) -> Sequence[Row[Any]]:
        """It is the key that others have, not one certificate: ban it, and end all that it has."""
        keys = [row.public_key for row in known]
        store.ban(uow, keys, reason, now)
        # A key is one holder's, and holders are indexed.
        every = store.with_keys(uow, keys, sorted({row.holder for row in known}))
        begun = [row.serial for row in every if row.state == "recorded"]
        for serial in begun:
            if certificate_store.void(uow, serial, reason, now):
                details = {"serial": serial, "reason": reason}
                self._audit.record(uow, "certificate.voided", PKI, details=details)
        issued = [row.serial for row in every if row.state == "issued"]
        return store.revoke(uow, issued, reason, now)
