"""The newest measurements of growth."""

from __future__ import annotations

from typing import Any


def newest() -> list[dict[str, Any]]:
    return []
