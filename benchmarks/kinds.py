"""What is measured, and how much of each; the names under which servers offer it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmarks.load import Lane
from benchmarks.servers import Measured

CONNECTIONS, CROWD = 8, 32
GRANTS = "client-credential grants"
INTROSPECTIONS = "introspections"
SIGN_INS = "password sign-ins"
CODE_FLOWS = "code flows"
DECISIONS = "decisions"
ENROLMENTS = "enrolments"
ISSUANCES = "certificate issuances"
FRESH_ENROLMENTS = "enrolments on fresh connections"
STATUS_ANSWERS = "OCSP answers"
CROWDED_DECISIONS = "decisions on 32 connections"
FORM_SIGN_INS = "sign-ins by form at Keycloak's hash"


@dataclass(frozen=True)
class Kind:
    """One kind of work, how many of it relative to grants, and on how many connections."""

    name: str
    share: float
    connections: int = CONNECTIONS


KINDS = (
    Kind(GRANTS, 1),
    Kind(INTROSPECTIONS, 1),
    Kind(CODE_FLOWS, 0.25),
    Kind(DECISIONS, 0.25),
    Kind(CROWDED_DECISIONS, 0.5, CROWD),
    # A round of half a second would be no longer than one pause of the disk.
    Kind(ISSUANCES, 0.5),
    Kind(ENROLMENTS, 0.5),
    # A device comes seldom: it opens a connection, with a whole TLS handshake, for one request.
    Kind(FRESH_ENROLMENTS, 0.25),
    Kind(STATUS_ANSWERS, 1),
    # Limited by the hash alone.
    Kind(SIGN_INS, 0.05),
)
# Beside Keycloak alone, with the setting of its password hash: each a page and what was typed.
FORM_SIGN_IN = Kind(FORM_SIGN_INS, 0.05)


@dataclass(frozen=True)
class Work:
    """What one run sends, and where."""

    port: int
    lanes: Sequence[Lane]


class Subject(Protocol):
    """A running server; `offers` makes the work of each kind that it can do, so many errands.

    `puts_off`: within how many seconds it has done what it does not do at once. `warm_up`: after
    how many errands of a kind it is as fast as it gets.
    """

    name: str
    process: Measured
    puts_off: float
    warm_up: int

    @property
    def offers(self) -> Mapping[str, Callable[[int], Work]]: ...
