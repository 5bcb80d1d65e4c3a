"""The city of the tests of signatures, whose citizen signs containers."""

from __future__ import annotations

from tests.protocol.csc.conftest import citizen, city, settings

__all__ = ["citizen", "city", "settings"]
