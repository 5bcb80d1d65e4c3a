"""The section `[limits]`: how much of this process one caller, and all together, may hold."""

from __future__ import annotations

import random
from typing import ClassVar

from pydantic import Field

from foundation.settings import Section


class Limits(Section):
    """Who asks for more than there is gets 503 and the seconds after which to come back."""

    section: ClassVar[str] = "limits"

    connections: int = Field(default=4096, ge=16)
    """Open connections. One network may hold a part of what is free: nobody can hold them all."""
    head_seconds: float = Field(default=10, gt=0)
    """About how long the head of a request, or a TLS handshake, may take."""
    body_seconds: float = Field(default=10, gt=0)
    """About how long a body may take, and a second more for each `least_rate` bytes that came."""
    least_rate: int = Field(default=32_768, ge=1)
    """Bytes a second at which a long body has to come."""
    large_bodies: int = Field(default=4, ge=1)
    """Bodies above `[server] max_body` that are received at once; one of them is worked on."""
    spool: str | None = None
    """Folder for the nameless, sealed files of bodies that are on their way; absent: the system's
    for temporary files."""
    waiting: int = Field(default=512, ge=1)
    """Requests that wait for one of the `[server] threads`; networks take turns in it."""
    hashes_waiting: int = Field(default=64, ge=1)
    """Requests that wait for a password to be hashed; they hold no thread, and networks take
    turns."""


def about(seconds: float) -> float:
    """A quarter more or less: thousands who came in one moment are not given up in one, in which
    nobody else would be served."""
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
