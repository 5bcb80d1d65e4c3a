"""How much a stranger's file may take."""

from __future__ import annotations

MEMORY = 1024 * 1024 * 1024
"""Octets."""
SECONDS = 10
MOST_SIGNATURES = 20
MOST_FILES = 500
MOST_UNPACKED = 100 * 1024 * 1024
"""Octets of all files in a container."""


class Refused(Exception):
    """A file that is built so that nobody should rely on it; `reason` is one of a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
