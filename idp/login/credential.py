"""A credential: a password or a passkey bound to a subject — ITU-T X.1252, ISO/IEC 29115 §8.2."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from idp.register import Subject

Kind = Literal["password", "passkey"]

PASSWORD: Kind = "password"
PASSKEY: Kind = "passkey"


@dataclass(frozen=True, slots=True)
class Credential:
    """An active or ended credential, without its secret.

    ``data`` of a passkey: ``public`` (attested credential data, base64url), ``backup_eligible``,
    ``format``, ``aaguid``, ``transports``. ``counter`` is the signature counter last seen.
    """

    id: str
    holder: Subject
    kind: Kind
    label: str
    created_at: datetime
    used_at: datetime | None
    ended_at: datetime | None = None
    counter: int = 0
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def active(self) -> bool:
        return self.ended_at is None
