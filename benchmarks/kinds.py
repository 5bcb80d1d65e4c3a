"""What is measured, and how much of each; the names under which servers offer it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmarks.load import Lane
from benchmarks.servers import Measured

GRANTS = "client-credential grants"
INTROSPECTIONS = "introspections"
SIGN_INS = "password sign-ins"
CODE_FLOWS = "code flows"
DECISIONS = "decisions"
ENROLMENTS = "enrolments"
ISSUANCES = "certificate issuances"
FRESH_ENROLMENTS = "enrolments on fresh connections"
STATUS_ANSWERS = "OCSP answers"


@dataclass(frozen=True)
class Kind:
    """One kind of work: how many of it relative to grants, and the least ratio to the bare
    equivalent on either database."""

    name: str
    share: float
    on_sqlite: float = 0.6
    on_postgresql: float = 0.5

    def target(self, database: str) -> float:
        return self.on_postgresql if database == "postgresql" else self.on_sqlite


KINDS = (
    Kind(GRANTS, 1),
    Kind(INTROSPECTIONS, 1),
    Kind(CODE_FLOWS, 0.25),
    Kind(DECISIONS, 0.25),
    # A round of half a second would be no longer than one pause of the disk.
    Kind(ISSUANCES, 0.5),
    Kind(ENROLMENTS, 0.5),
    # A device comes seldom: it opens a connection, with a whole TLS handshake, for one request.
    Kind(FRESH_ENROLMENTS, 0.25),
    Kind(STATUS_ANSWERS, 1),
    # Limited by the hash alone.
    Kind(SIGN_INS, 0.05, on_sqlite=0.8, on_postgresql=0.8),
)
PEER_TARGET = 0.6
STEP_CA_TARGET = 1.0


@dataclass(frozen=True)
class Work:
    """What one run sends, and where."""

    port: int
    lanes: Sequence[Lane]


class Subject(Protocol):
    """A running server; `offers` makes the work of each kind that it can do, so many errands."""

    name: str
    process: Measured

    @property
    def offers(self) -> Mapping[str, Callable[[int], Work]]: ...
