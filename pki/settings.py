"""The `[pki]` section."""

from __future__ import annotations

from typing import ClassVar

from foundation.settings import Section


class PkiSettings(Section):
    """How certificates are issued here. Profiles are data beside the code; this is what differs."""

    section: ClassVar[str] = "pki"
    key_algorithm: str = "ES256"
    """Of the authorities' keys, when `civitas init` makes them: ES256 or RS256."""
    crl_hours: int = 24
    """How long a revocation list may be relied on (its nextUpdate)."""
