"""The `[signing]` section."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from foundation.settings import Section


class SigningSettings(Section):
    """Signatures that people make here for services, without a card."""

    section: ClassVar[str] = "signing"
    least_level: int = Field(default=3, ge=2, le=4)
    """Level of assurance (ISO/IEC 29115) that every signature needs at least; a service may ask for
    more."""
    minutes: int = Field(default=15, ge=1, le=1440)
    """How long a signature waits for the person."""
    keep_hours: int = Field(default=24, ge=1, le=720)
    """How long the service may fetch what was signed; then it is forgotten here."""
    verified_per_minute: int = Field(default=10, ge=1)
    """Signed files that one address may have looked at in a minute."""
    asked_per_minute: int = Field(default=1000, ge=1)
    """Signatures that one service may ask for in a minute."""
    seals: dict[str, str] = Field(default_factory=dict)
    """Client id of a service → the organisation whose seal it may use, as its certificate names
    it."""
