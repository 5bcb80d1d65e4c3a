"""A time stamp, from the request to the answer — RFC 3161 §2.2, §2.4.

Trust in the clock first, then the place in the order, then the signature, outside of the write.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime, timedelta

from foundation.clock import Clock
from foundation.clock_quality import Bound
from foundation.common_clock import CommonClock
from foundation.database import Database
from foundation.errors import Unavailable
from foundation.rates import Rates
from pki.cms import HASH_OIDS
from pki.own_signer import Job, OwnSigner
from pki.timestamps import encoding, order
from pki.timestamps.request import Refused, StampRequest, imprint, parse
from pki.timestamps.settings import TimeStampSettings
from pki.x509 import der

BUCKET = "pki.time-stamp"
SIGNS = Job(
    holder="time-stamps",
    use="time-stamps",
    profile="timestamping",
    common_name="Time stamps",
    # Its certificate lasts for five years.
    signs_for=timedelta(days=365),
)
_A_MINUTE = timedelta(minutes=1)
log = logging.getLogger("civitas.pki")


class TimeStamping:
    """The time-stamping authority."""

    def __init__(
        self,
        database: Database,
        rates: Rates,
        clock: Clock,
        signer: OwnSigner,
        settings: TimeStampSettings,
        kernel: Bound,
    ) -> None:
        self._database = database
        self._rates = rates
        self._clock = clock
        self._signer = signer
        self._settings = settings
        self._kernel = kernel

    def answer(self, body: bytes, source: str) -> bytes:
        """The TimeStampResp, DER, to a TimeStampReq from the network `source`.

        Raises TooManyRequests.
        """
        try:
            asked = parse(body)
            if asked.policy not in (None, self._settings.policy):
                raise Refused(
                    "unacceptedPolicy", f"The policy of these stamps is {self._settings.policy}."
                )
            return encoding.granted(self._stamp(asked, source))
        except Refused as refusal:
            return encoding.rejected(refusal)
        except Unavailable as unavailable:
            log.warning("no time stamps: %s", unavailable.description)
            return encoding.rejected(Refused("systemFailure", "No stamp can be signed now."))

    def stamp(self, algorithm: str, digest: bytes, nonce: int | None = None) -> bytes:
        """A TimeStampToken, DER, for a digest by the OID of its algorithm; for a caller that is
        known already. Raises Refused or Unavailable.
        """
        written = b"" if nonce is None else der.integer(nonce)
        return self._stamp(StampRequest(imprint(algorithm, digest), None, written, True), None)

    def accuracy(self) -> timedelta:
        """By how much the clock may be wrong now. Raises Refused when it cannot be trusted."""
        most = timedelta(milliseconds=self._settings.accuracy_ms)
        if self._settings.clock == "operator":
            return most
        bound = self._kernel()
        if bound is None:
            raise Refused("timeNotAvailable", "The clock of this service is not synchronised.")
        if isinstance(self._clock, CommonClock):
            # What counts is the database's clock: it may differ from this machine's.
            bound += self._clock.apart()
        if bound > most:
            raise Refused("timeNotAvailable", "The clock of this service is not accurate enough.")
        return bound

    def stamp_over(self, content: bytes) -> bytes:
        """A time-stamp token for these bytes. Raises TimeStampRefused, Unavailable."""
        return self.stamp(HASH_OIDS["sha256"], hashlib.sha256(content).digest())

    def _stamp(self, asked: StampRequest, source: str | None) -> bytes:
        accuracy = self.accuracy()
        by = self._signer.standing(self._clock.now())
        at = self._take(source, accuracy)
        signed = encoding.info(
            asked, self._settings.policy, order.serial(at), at, accuracy, by.subject
        )
        return encoding.token(signed, by, with_certificates=asked.wants_certificate)

    def _take(self, source: str | None, accuracy: timedelta) -> datetime:
        with self._database.write() as uow:
            # Read behind the wait for the write: the instant is that of the stamp, not of the call.
            now = self._clock.now()
            if source is not None:
                self._rates.attempt_from(
                    uow, BUCKET, source, self._settings.per_minute, _A_MINUTE, now
                )
            return order.take(uow, now, accuracy)
