"""A credential: what is bound to a subject and proves them — ITU-T X.1252, ISO/IEC 29115 §8.2."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from idp.register import Subject

Kind = Literal["password", "passkey", "totp", "code-card", "recovery-codes", "chip-card"]

PASSWORD: Kind = "password"
PASSKEY: Kind = "passkey"
TOTP: Kind = "totp"
CODE_CARD: Kind = "code-card"
RECOVERY_CODES: Kind = "recovery-codes"
CHIP_CARD: Kind = "chip-card"

AUTHENTICATORS: dict[Kind, str] = {
    PASSWORD: "password",
    TOTP: "totp",
    CODE_CARD: "code-card",
    RECOVERY_CODES: "recovery-code",
}
"""The row of the ceilings table for each; those of a passkey and a chip card are told by
their evidence."""
_BEGIN = frozenset({PASSWORD, PASSKEY, CHIP_CARD})


@dataclass(frozen=True, slots=True)
class Credential:
    """An active or ended credential, without its secret.

    ``data`` of a passkey: ``public`` (attested credential data, base64url), ``backup_eligible``,
    ``format``, ``aaguid``, ``transports``. ``counter`` is the signature counter last seen; of an
    authenticator app the time step last used, of a list of codes how many were used. ``data`` of a
    chip card: ``authenticator`` (its row in the ceilings table) and ``issuer``. ``data`` of all but
    a password: ``managed``, the level that it counts for at most (CM-1 to CM-10).
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
    locked: bool = False

    @property
    def active(self) -> bool:
        return self.ended_at is None

    @property
    def begins(self) -> bool:
        """Whether a session can begin with it; the others are shown after it."""
        return self.kind in _BEGIN and self.usable

    @property
    def usable(self) -> bool:
        """Whether it may ever open anything again: the model of a passkey may have been revoked."""
        return not self.data.get("refused", False)

    @property
    def opens(self) -> bool:
        """Whether it opens anything now."""
        return self.usable and not self.locked
