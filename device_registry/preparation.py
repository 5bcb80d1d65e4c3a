"""What the registry needs before its first start: nothing beyond its tables."""

from __future__ import annotations

from foundation.ground import Ground


def prepare(ground: Ground) -> None:
    """Part of every wing, run by `civitas init` and `civitas db upgrade`; idempotent."""
