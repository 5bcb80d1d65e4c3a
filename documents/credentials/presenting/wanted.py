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
    """One credential. `id`: how question and answer name it. `types`: its type in each of the forms
    that will do."""

    id: str
    configuration: str
    types: Mapping[str, str]
    claims: tuple[WantedClaim, ...]

    @property
    def queries(self) -> Mapping[str, str]:
        """How the query names it in each form, and the form."""
        first, *others = self.types
        return {self.id: first, **{f"{self.id}-{form}": form for form in others}}

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def from_json(stored: Mapping[str, Any]) -> Wanted:
    claims = tuple(
        WantedClaim(tuple(one["path"]), tuple(one["values"])) for one in stored["claims"]
    )
    return Wanted(stored["id"], stored["configuration"], stored["types"], claims)


def dcql(wanted: Sequence[Wanted]) -> dict[str, Any]:
    """The query of a request: all of these credentials, one of each (§6.1), in whichever of its
    forms the wallet has it (§6.2)."""
    query: dict[str, Any] = {
        "credentials": [
            _query(one, name, form) for one in wanted for name, form in one.queries.items()
        ]
    }
    if any(len(one.types) > 1 for one in wanted):
        query["credential_sets"] = [{"options": [[name] for name in one.queries]} for one in wanted]
    return query


def _query(one: Wanted, name: str, form: str) -> dict[str, Any]:
    typed = one.types[form]
    meta = {"vct_values": [typed]} if form == FORMAT else {"doctype_value": typed}
    return {
        "id": name,
        "format": form,
        "meta": meta,
        "claims": [_claim(claim, None if form == FORMAT else typed) for claim in one.claims],
    }


def _claim(claim: WantedClaim, namespace: str | None) -> dict[str, Any]:
    said: dict[str, Any] = {"path": list(claim.path)}
    if namespace is not None:
        # Annex B.2.4: what the service gets is the service's, and our purposes say what for.
        said = {"path": [namespace, element(claim.path)], "intent_to_retain": True}
    return {**said, "values": list(claim.values)} if claim.values else said


def element(path: Path) -> str:
    """How an mdoc calls the claim at a path: it has no claims in claims."""
    return ".".join(path)


def at(claims: Mapping[str, Any], path: Path) -> Any:
    """The value at a path; raises KeyError."""
    found: Any = claims
    for name in path:
        if not isinstance(found, dict) or name not in found:
            raise KeyError(name)
        found = found[name]
    return found
