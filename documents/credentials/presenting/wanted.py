"""What a service wants to be shown, as a value and in DCQL — OpenID4VP §6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from documents.credentials.configurations import FORMAT

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WantedClaim:
    """A claim by its path, and the values one of which it must have; none: any."""

    path: Path
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """One credential. `id`: how question and answer name it."""

    id: str
    configuration: str
    vct: str
    claims: tuple[WantedClaim, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def from_json(stored: Mapping[str, Any]) -> Wanted:
    claims = tuple(
        WantedClaim(tuple(one["path"]), tuple(one["values"])) for one in stored["claims"]
    )
    return Wanted(stored["id"], stored["configuration"], stored["vct"], claims)


def dcql(wanted: Sequence[Wanted]) -> dict[str, Any]:
    """The query of a request: all of these credentials, one of each (§6.1)."""
    return {
        "credentials": [
            {
                "id": one.id,
                "format": FORMAT,
                "meta": {"vct_values": [one.vct]},
                "claims": [_claim(claim) for claim in one.claims],
            }
            for one in wanted
        ]
    }


def _claim(claim: WantedClaim) -> dict[str, Any]:
    said: dict[str, Any] = {"path": list(claim.path)}
    return {**said, "values": list(claim.values)} if claim.values else said


def at(claims: Mapping[str, Any], path: Path) -> Any:
    """The value at a path; raises KeyError."""
    found: Any = claims
    for name in path:
        if not isinstance(found, dict) or name not in found:
            raise KeyError(name)
        found = found[name]
    return found
