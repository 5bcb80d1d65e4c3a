"""Certification paths: built, bounded and validated — RFC 5280 §6.

What is asked of a path and what comes of it stands in `rules`; `trust` does the work, with a
library that is loaded when the first path is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pki.path.rules import (
    ANY_POLICY,
    OURS,
    Algorithms,
    PathRefused,
    Rules,
    ValidPath,
)

if TYPE_CHECKING:
    from pki.path.trust import Trust

__all__ = [
    "ANY_POLICY",
    "OURS",
    "Algorithms",
    "PathRefused",
    "Rules",
    "ValidPath",
    "trust_in",
]


def trust_in(
    anchors: Iterable[bytes],
    intermediates: Iterable[bytes] = (),
    revocation_lists: Iterable[bytes] = (),
) -> Trust:
    """Whom paths may end at and lead through, and the lists that say who was revoked; all DER."""
    from pki.path.trust import Trust

    return Trust(tuple(anchors), tuple(intermediates), tuple(revocation_lists))
