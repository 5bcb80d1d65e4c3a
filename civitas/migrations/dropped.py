"""Columns that the tables had once: a backup of that time is restored with them, then upgraded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Integer, LargeBinary, String
from sqlalchemy.types import TypeEngine

from foundation.database import Json

DROPPED: Mapping[str, Mapping[str, TypeEngine[Any]]] = {
    "pki_certificates": {  # 0029
        "common_name": String(64),
        "names": Json(),
        "public_key_der": LargeBinary(),
        "to_be_signed": LargeBinary(),
    },
    # 0031
    "audit_events": {"waiting": Integer()},
    "audit_subjects": {"event_id": String(32), "ref": String(32)},
    "audit_leaves": {"event_id": String(32)},
}
