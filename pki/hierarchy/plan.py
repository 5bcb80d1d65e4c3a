"""Who signs whom: the hierarchy as it is planned, read from `hierarchy.toml` — RFC 5280 §3.2."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent / "hierarchy.toml"
BOUNDABLE = ("DNS", "IP", "URI")


class PlanError(ValueError):
    """A hierarchy that cannot be; the message names the authority and the key."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One authority. `issuer` None: a root. `algorithm` None: as `[pki] key_algorithm` says."""

    name: str
    title: str
    issuer: str | None
    algorithm: str | None
    permitted: tuple[str, ...]
    excluded: tuple[str, ...]

    @property
    def is_root(self) -> bool:
        return self.issuer is None

    @property
    def profile(self) -> str:
        return "root" if self.is_root else "issuing"


def load(path: Path = FILE) -> Mapping[str, Planned]:
    """Every authority by name, an issuer before those whom it certifies. Raises PlanError."""
    planned: dict[str, Planned] = {}
    for name, written in tomllib.loads(path.read_text("utf-8")).items():
        rest = dict(written)
        one = Planned(
            name,
            str(rest.pop("title", "")),
            rest.pop("issuer", None),
            rest.pop("algorithm", None),
            tuple(rest.pop("permitted", ())),
            tuple(rest.pop("excluded", ())),
        )
        if rest:
            raise PlanError(f"[{name}] unknown key {min(rest)}")
        if not one.title:
            raise PlanError(f"[{name}] write title = …")
        issuer = planned.get(one.issuer) if one.issuer is not None else None
        if one.issuer is not None and (issuer is None or not issuer.is_root):
            raise PlanError(f"[{name}] issuer {one.issuer} is not a root written above it")
        if any(b.partition(":")[0] not in BOUNDABLE for b in (*one.permitted, *one.excluded)):
            raise PlanError(f"[{name}] permitted, excluded: {', '.join(BOUNDABLE)} and a colon")
        planned[name] = one
    return planned
