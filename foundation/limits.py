"""The section `[limits]`: how much of this process one caller, and all together, may hold."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from foundation.settings import Section


class Limits(Section):
    """Who asks for more than there is gets 503 and the seconds after which to come back."""

    section: ClassVar[str] = "limits"

    waiting: int = Field(default=512, ge=1)
    """Requests that wait for one of the `[server] threads`; networks take turns in it."""
    hashes_waiting: int = Field(default=64, ge=1)
    """Requests that wait for a password to be hashed; they hold no thread, and networks take
    turns."""
