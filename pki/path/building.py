"""Candidate paths, shortest way up first and never without an end — RFC 4158 §3, RFC 5280 §6.1.

Loops are cut where a name and key would stand twice, and length, number and effort are bounded:
certificates that sign each other in a ring, or all each other, cost no more than others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from asn1crypto import x509

from pki.path.rules import LONGEST, MOST_PATHS, MOST_STEPS


class Builder:
    def __init__(
        self, anchors: Sequence[x509.Certificate], intermediates: Sequence[x509.Certificate]
    ) -> None:
        self._anchors: defaultdict[str, list[x509.Certificate]] = defaultdict(list)
        self._others: defaultdict[str, list[x509.Certificate]] = defaultdict(list)
        known = set()
        for anchor in anchors:
            known.add(anchor.sha256)
            self._anchors[anchor.subject.hashable].append(anchor)
        for other in intermediates:
            if other.sha256 not in known:
                known.add(other.sha256)
                self._others[other.subject.hashable].append(other)

    def paths(self, leaf: x509.Certificate) -> Iterator[tuple[x509.Certificate, ...]]:
        """Each from its anchor down to `leaf`; the anchors that issued it themselves come first."""
        found, steps = 0, 0
        waiting: list[tuple[x509.Certificate, ...]] = [(leaf,)]
        while waiting and steps < MOST_STEPS and found < MOST_PATHS:
            path = waiting.pop(0)
            for anchor in self._anchors[path[0].issuer.hashable]:
                steps += 1
                if found < MOST_PATHS and _may_have_issued(anchor, path[0]):
                    found += 1
                    yield (anchor, *path)
            if len(path) + 1 < LONGEST:
                for issuer in self._others[path[0].issuer.hashable]:
                    steps += 1
                    if _may_have_issued(issuer, path[0]) and _is_new(issuer, path):
                        waiting.append((issuer, *path))


def _may_have_issued(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    """Names agree already; key identifiers, where both are written, must too (§4.2.1.1)."""
    said, own = subject.authority_key_identifier, issuer.key_identifier
    return not said or not own or said == own


def _is_new(issuer: x509.Certificate, path: Sequence[x509.Certificate]) -> bool:
    key = issuer.public_key.dump()
    return all(
        issuer.subject.hashable != below.subject.hashable or key != below.public_key.dump()
        for below in path
    )
