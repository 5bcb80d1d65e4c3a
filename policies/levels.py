"""The level of a session — ISO/IEC 29115:2013 §6, with the ceilings of §8.4 (AU-1, CM-2, EN-7).

The numbers are data (`data/levels.toml`, `data/authenticators.toml`); here is only the arithmetic:
a session has the lowest of its proofing, credential management, authentication, organisation and,
where there is one, upstream provider. 0 means that level 1 was not met (OpenID Connect Core §2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

HIGHEST = 4
ACR_PREFIX = "urn:civitas:loa:"


@dataclass(frozen=True)
class Level:
    """A row of the levels table. `in_person`: proofing must have been face to face (EN-7)."""

    number: int
    acr: str
    label: str
    proofing: str
    in_person: bool
    eidas: str
    nist: str


@dataclass(frozen=True)
class Ceiling:
    """A row of the authenticators table. `partners` are ids or factors that `combined` needs;
    `binds`: up to which level counts what is bound with it, if it is for that alone."""

    id: str
    label: str
    factors: frozenset[str]
    alone: int
    combined: int
    partners: frozenset[str]
    signs_in: bool
    why: str
    binds: int = 0


@dataclass(frozen=True)
class Proofing:
    """How well the identity was established; `in_person` is EN-7."""

    level: int
    in_person: bool = False


@dataclass(frozen=True)
class Used:
    """An authenticator that succeeded in this session, and the level at which its credential was
    issued and managed (CM-1 to CM-10)."""

    authenticator: str
    managed: int = HIGHEST


@dataclass(frozen=True)
class PasskeyEvidence:
    """What an assertion and its registration prove.

    `attestation_trusted`: the attestation verified up to a trusted root of that model;
    `allow_listed`: the model is on the jurisdiction's list of certified hardware.
    """

    user_verified: bool
    backup_eligible: bool
    format: str = "none"
    attestation_trusted: bool = False
    allow_listed: bool = False


@dataclass(frozen=True)
class SessionLevel:
    """The level that was reached, and what kept it from being higher."""

    level: int
    bounded_by: tuple[str, ...]

    @property
    def acr(self) -> str:
        return acr_of(self.level)


def acr_of(level: int) -> str:
    """The `acr` of a level; "0" when level 1 was not met (OpenID Connect Core §2)."""
    if level == 0:
        return "0"
    if not 1 <= level <= HIGHEST:
        raise ValueError(f"level {level} is none of 0 to {HIGHEST}")
    return f"{ACR_PREFIX}{level}"


def level_of_acr(acr: str) -> int | None:
    """The level that an `acr` value asks for, or None if it is not one of ours."""
    for level in range(1, HIGHEST + 1):
        if acr == f"{ACR_PREFIX}{level}":
            return level
    return None


def authenticator_of_passkey(evidence: PasskeyEvidence) -> str:
    """The row of the ceilings table for a passkey.

    A key that may be backed up is synced whatever else it says; a model number (AAGUID) without
    a trusted attestation proves nothing.
    """
    attested = evidence.attestation_trusted and evidence.allow_listed and evidence.format != "none"
    if evidence.backup_eligible:
        row = "passkey-synced"
    elif attested:
        row = "fido2-attested"
    else:
        row = "passkey-bound"
    return f"{row}-verified" if evidence.user_verified else row


def authentication_level(used: Iterable[Used], ceilings: Mapping[str, Ceiling]) -> int:
    """The level that a set of authenticators reaches: the best of each alone and of each pair.

    Each counts no higher than its credential is managed. Raises KeyError for an unknown one.
    """
    counted = [(u, ceilings[u.authenticator]) for u in used]
    reached = [min(row.alone, u.managed) for u, row in counted]
    reached += [
        min(_pair(a, b), u.managed, v.managed) for (u, a), (v, b) in combinations(counted, 2)
    ]
    return max(reached, default=0)


def level_of_session(
    proofing: Proofing,
    used: Iterable[Used],
    organisation: int,
    upstream: int | None = None,
    *,
    ceilings: Mapping[str, Ceiling],
    levels: Mapping[int, Level],
) -> SessionLevel:
    """The lowest of everything that the session rests on, and which parts were that low."""
    parts = {
        "proofing": proofing_level(proofing, levels),
        "authentication": authentication_level(used, ceilings),
        "organisation": organisation,
    }
    if upstream is not None:
        parts["upstream"] = upstream
    for name, level in parts.items():
        if not 0 <= level <= HIGHEST:
            raise ValueError(f"{name}: level {level} is none of 0 to {HIGHEST}")
    lowest = min(parts.values())
    return SessionLevel(lowest, tuple(n for n, v in parts.items() if v == lowest))


def proofing_level(proofing: Proofing, levels: Mapping[int, Level]) -> int:
    """What proofing counts for: a level that must be proofed in person is not reached remotely."""
    level = proofing.level
    while level > 0 and levels[level].in_person and not proofing.in_person:
        level -= 1
    return level


def _pair(a: Ceiling, b: Ceiling) -> int:
    """What two authenticators reach together, beyond each alone; 0 if no row speaks of them."""
    if a.id == b.id:
        return 0  # twice the same is one factor
    named = [x.combined for x, y in ((a, b), (b, a)) if y.id in x.partners]
    if named:
        return min(named)
    by_factor = [x.combined for x, y in ((a, b), (b, a)) if x.partners & y.factors]
    return min(by_factor, default=0)
