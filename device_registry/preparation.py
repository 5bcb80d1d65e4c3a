"""What the registry needs before its first start: nothing beyond its tables."""

from __future__ import annotations

from foundation.runtime import Runtime


def prepare(runtime: Runtime) -> None:
    """Part of every package, run by `civitas init` and `civitas db upgrade`; idempotent."""
