"""Life of an identity — ISO/IEC 24760-1: states, transitions and their guards, as one table."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum

from foundation.errors import Conflict
from foundation.marking import N_, Sentence


class State(StrEnum):
    UNKNOWN = "unknown"
    ESTABLISHED = "established"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ARCHIVED = "archived"


class Guard(StrEnum):
    """What must hold before a transition; the flow that asks says which of them it has seen."""

    PROOFED = "the identity is proofed"
    UNIQUE = "no other identity is the same person"
    NEW_IDENTIFIER = "the reference identifier was never used"
    NOTICE = "the person was given notice"
    CREDENTIAL = "at least one credential is bound"
    CONFIRMED = "the person confirmed it"
    REVERIFIED = "the source was verified again"
    AUTHORISED = "an authorised actor gave a reason"
    CAUSE_CLEARED = "the cause is cleared"
    LEVEL_SHOWN = "the prior level is shown again"
    REVOKED = "credentials are revoked"
    CUT = "data is cut to what must be kept"
    RETENTION_OVER = "retention is over"


@dataclass(frozen=True, slots=True)
class Transition:
    """One row: by `name`, from any of `sources` to `target`, when all `guards` hold."""

    name: str
    sources: frozenset[State]
    target: State
    guards: frozenset[Guard]


def _row(name: str, sources: tuple[State, ...], target: State, *guards: Guard) -> Transition:
    return Transition(name, frozenset(sources), target, frozenset(guards))


_S, _G = State, Guard
TRANSITIONS: tuple[Transition, ...] = (
    _row(
        "enrol", (_S.UNKNOWN,), _S.ESTABLISHED, _G.PROOFED, _G.UNIQUE, _G.NEW_IDENTIFIER, _G.NOTICE
    ),
    _row("activate", (_S.ESTABLISHED,), _S.ACTIVE, _G.CREDENTIAL, _G.CONFIRMED),
    _row("adjust", (_S.ACTIVE,), _S.ACTIVE, _G.REVERIFIED),
    # Every means was lost, and a new one is bound by the code of a letter.
    _row("recover", (_S.ACTIVE,), _S.ACTIVE, _G.CREDENTIAL, _G.CONFIRMED),
    _row("suspend", (_S.ACTIVE,), _S.SUSPENDED, _G.AUTHORISED),
    _row("reactivate", (_S.SUSPENDED,), _S.ACTIVE, _G.AUTHORISED, _G.CAUSE_CLEARED, _G.LEVEL_SHOWN),
    _row(
        "archive",
        (_S.ACTIVE, _S.SUSPENDED),
        _S.ARCHIVED,
        _G.AUTHORISED,
        _G.REVOKED,
        _G.CUT,
    ),
    # Two officers found that it is the second identity of somebody who has one.
    _row(
        "join",
        (_S.ESTABLISHED, _S.ACTIVE, _S.SUSPENDED),
        _S.ARCHIVED,
        _G.AUTHORISED,
        _G.REVOKED,
        _G.CUT,
    ),
    # The civil register says that the person has died.
    _row(
        "die",
        (_S.ESTABLISHED, _S.ACTIVE, _S.SUSPENDED),
        _S.ARCHIVED,
        _G.AUTHORISED,
        _G.REVOKED,
        _G.CUT,
    ),
    # Never straight to active: a new credential has to be bound first.
    _row("restore", (_S.ARCHIVED,), _S.ESTABLISHED, _G.PROOFED),
    _row(
        "delete",
        (_S.ESTABLISHED, _S.ACTIVE, _S.SUSPENDED, _S.ARCHIVED),
        _S.UNKNOWN,
        _G.AUTHORISED,
        _G.RETENTION_OVER,
    ),
)
BY_NAME = {row.name: row for row in TRANSITIONS}


class TransitionRefused(Conflict):
    """The table has no such row, or a guard does not hold."""


def step(state: State, name: str, seen: Set[Guard] = frozenset()) -> State:
    """The state after transition `name`; raises TransitionRefused with what is missing."""
    row = BY_NAME.get(name)
    if row is None or state not in row.sources:
        raise TransitionRefused(
            N_(
                "An identity that is %(state)s cannot take the step %(name)s.",
                state=Sentence(state, {}),
                name=Sentence(name, {}),
            ),
            where="state",
            next_step="Look at the state of this identity, and choose a step that it offers.",
        )
    missing = row.guards - seen
    if missing:
        raise TransitionRefused(
            N_(
                "The step %(name)s waits until %(missing)s.",
                name=Sentence(name, {}),
                missing=" and ".join(sorted(missing)),
            ),
            where="state",
            next_step="Complete what is missing, then try again.",
        )
    return row.target


def open_steps(state: State) -> tuple[str, ...]:
    """The transitions that the table offers from `state`."""
    return tuple(row.name for row in TRANSITIONS if state in row.sources)
