"""Why a release cannot be made."""

from __future__ import annotations


class Stop(Exception):
    """The message says what was wrong and what to do."""
