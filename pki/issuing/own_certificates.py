"""What the CA certifies for itself — authorities, responders: record, sign, record (RFC 5280 §4.1).

In the order of `issuance`, for the same reason. Nobody waits for an answer here, so what a crash
left half-way is given up and begun anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from foundation.database import Database, UnitOfWork
from foundation.errors import Unavailable
from pki import store
from pki.issuing import drafting

TakeUp = Callable[[UnitOfWork, bytes], None]
"""What follows from a certificate (DER), in the unit of work that puts it on record."""


def certify(
    database: Database,
    record: Mapping[str, Any],
    private_key: Any,
    take_up: TakeUp,
    now: datetime,
) -> bool:
    """Sign the body that is on `record`, a row of pki_certificates.

    False when another process does, or did, the same: two at it make one certificate. Raises
    RequestRefused where the key is banned, Unavailable where somebody else holds it.
    """
    with database.write() as uow:
        if not store.record(uow, **record):
            earlier = store.by_reference(uow, record["reference"])
            if earlier is None or earlier.state != "recorded":
                return False
            store.void(uow, earlier.serial, "begun_again", now)
            if not store.record(uow, **record):
                return False  # it was finished in this moment
        if not store.hold_key(uow, record["public_key"], record["holder"], now):
            raise Unavailable(f"The key of {record['holder']} is somebody else's.")
    der = drafting.signed(record["body"], private_key)
    with database.write() as uow:
        if not store.signed(uow, store.as_issued(record, der), now):
            return False
        take_up(uow, der)
    return True
