"""The `[credentials]` section."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from foundation.settings import Section


class CredentialsSettings(Section):
    """Credentials that a person carries in a wallet, and how services are shown them."""

    section: ClassVar[str] = "credentials"
    valid_days: int = Field(default=14, ge=1, le=90)
    """How long a copy of a credential is valid; the wallet gets new ones by its refresh token."""
    batch: int = Field(default=10, ge=2, le=50)
    """Copies in one answer, each with a key of its own: one for each service that sees it."""
    status_ttl_seconds: int = Field(default=300, ge=30, le=86_400)
    """How long others may keep a status list before they look again: what ended is known then."""
    deferred_days: int = Field(default=30, ge=0, le=90)
    """How long a wallet may wait for a document that its office has still to make out; 0: it is
    told at once that there is none."""
    key_attesters: str | None = None
    """A file of certificates (PEM): who vouches for the keys of wallets, that they are kept in good
    hardware. With it no copy is issued to a key that none of them vouches for. Without, any key."""
    presentation_seconds: int = Field(default=300, ge=60, le=3600)
    """How long a service's request waits for a wallet, and what was shown for the service."""
    presentations_per_minute: int = Field(default=600, ge=1)
    """Requests that one service may make in a minute."""
    issued_per_minute: int = Field(default=20, ge=1)
    """Batches that one person's wallet may get in a minute."""
