"""When a device is told to renew: spread, so that no two thousand come at once — EN 303 645 5.9."""

from __future__ import annotations

import hashlib
from datetime import datetime

from device_registry.device import Credential

EARLIEST, LATEST = 1 / 2, 5 / 6
"""Of a certificate's life: the window in which its moment lies."""


def moment(credential: Credential) -> datetime:
    """Some moment between half and five sixths of a certificate's life, to the second.

    Drawn from the serial, which is random: devices that enrolled in one minute renew over a third
    of a life, and whoever asks again hears the same.
    """
    drawn = int.from_bytes(hashlib.sha256(credential.serial.encode()).digest()[:8])
    share = EARLIEST + (LATEST - EARLIEST) * drawn / 2**64
    life = credential.not_after - credential.issued_at
    return (credential.issued_at + life * share).replace(microsecond=0)
