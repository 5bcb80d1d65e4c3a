"""The tables of `policies/data/`, loaded once and checked against each other at start.

A mistake stops the start with a sentence that names the file and the key.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

from foundation.settings import SettingsError
from policies.crosscheck import cross_check
from policies.levels import HIGHEST, Ceiling, Level
from policies.rows import Row

T = TypeVar("T")
FACTORS = frozenset({"knowledge", "possession", "inherence", "look-up"})
BASES = frozenset(
    {"contract", "legal-obligation", "public-task", "legitimate-interest", "vital-interest"}
)


@dataclass(frozen=True)
class Purpose:
    """Why data is used. `valid_days`: how long a consent lasts; `retention_days`: how long the
    service may keep what it got. `sentence` and `notice` are message ids."""

    id: str
    version: str
    sentence: str
    notice: str
    dpv: str
    attributes: frozenset[str]
    valid_days: int
    retention_days: int


@dataclass(frozen=True)
class DataClass:
    """A kind of personal data."""

    id: str
    label: str
    minimum_level: int
    special: bool
    vital: bool


@dataclass(frozen=True)
class Attribute:
    """A claim that may leave. `derived_from` is set for a yes or no that is reckoned."""

    name: str
    data_class: str
    scopes: tuple[str, ...]
    type: str
    derived_from: str | None
    label: str

    @property
    def answerable(self) -> bool:
        """Whether it can be asked as a question: a derived yes or no."""
        return self.type == "yes-no" and self.derived_from is not None


@dataclass(frozen=True)
class Basis:
    """A legal basis on record other than consent."""

    id: str
    kind: str
    service: str
    purpose: str
    attributes: frozenset[str]
    classes: frozenset[str]
    law: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True)
class Reason:
    """Why a use was refused, and what to do next; both are message ids. `rank`: told first."""

    id: str
    reason: str
    next_step: str
    rank: int


@dataclass(frozen=True)
class Control:
    """A control of ISO/IEC 29115 §10 and the test that shows it ("" until there is one)."""

    id: str
    text: str
    levels: tuple[int, ...]
    threat: str
    names: tuple[str, ...]
    reconstructed: bool
    test: str


@dataclass(frozen=True)
class Catalogue:
    """All tables, by id, in the order of the files. `digest` changes with any byte of them."""

    levels: Mapping[int, Level]
    ceilings: Mapping[str, Ceiling]
    purposes: Mapping[str, Purpose]
    classes: Mapping[str, DataClass]
    attributes: Mapping[str, Attribute]
    bases: Mapping[str, Basis]
    reasons: Mapping[str, Reason]
    controls: Mapping[str, Control]
    digest: str

    def attributes_of_scope(self, scope: str) -> tuple[str, ...]:
        """The claims that an OpenID Connect scope asks for (Core §5.4), in the table's order."""
        return tuple(a.name for a in self.attributes.values() if scope in a.scopes)

    def scopes(self) -> tuple[str, ...]:
        """Every scope that asks for a claim."""
        return tuple(dict.fromkeys(s for a in self.attributes.values() for s in a.scopes))

    def covers(self, wider: str, purpose: str) -> bool:
        """Whether a ground for purpose `wider` covers `purpose`: the same, or one below it."""
        return purpose == wider or purpose.startswith(wider + ".")


def load(bases: Path | None = None) -> Catalogue:
    """The tables of this package; `bases` replaces the packaged bases by the deployment's own."""
    return _load(bases)


@cache
def packaged() -> Catalogue:
    """The tables of this package, with the packaged bases."""
    return _load(None)


def parents(dotted: str) -> tuple[str, ...]:
    """The id right above a dotted id, if any: what the hierarchy hangs on."""
    above, dot, _ = dotted.rpartition(".")
    return (above,) if dot else ()


def _load(bases: Path | None) -> Catalogue:
    data = files("policies") / "data"
    read = _Reader()

    def table(
        name: str, kind: str, make: Callable[[Row], T], source: Traversable | Path
    ) -> list[T]:
        return [make(row) for row in read.rows(source, name, kind)]

    levels = table("levels.toml", "level", _level, data / "levels.toml")
    ceilings = table("authenticators.toml", "authenticator", _ceiling, data / "authenticators.toml")
    purposes = table("purposes.toml", "purpose", _purpose, data / "purposes.toml")
    classes = table("classes.toml", "class", _class, data / "classes.toml")
    attributes = table("attributes.toml", "attribute", _attribute, data / "attributes.toml")
    on_record = table("bases.toml", "basis", _basis, bases or data / "bases.toml")
    controls = table("controls.toml", "control", _control, data / "controls.toml")
    reasons = [
        Reason(r.text("id"), r.text("reason"), r.text("next_step"), rank)
        for rank, r in enumerate(read.rows(data / "reasons.toml", "reasons.toml", "reason"))
    ]
    catalogue = Catalogue(
        levels={x.number: x for x in levels},
        ceilings=_by_id("authenticators.toml", ceilings),
        purposes=_by_id("purposes.toml", purposes),
        classes=_by_id("classes.toml", classes),
        attributes={x.name: x for x in attributes},
        bases=_by_id("bases.toml", on_record),
        reasons=_by_id("reasons.toml", reasons),
        controls=_by_id("controls.toml", controls),
        digest=read.digest(),
    )
    if len(catalogue.attributes) != len(attributes):
        raise SettingsError("attributes.toml: two claims have the same name; rename one.")
    cross_check(catalogue)
    return catalogue


class _Reader:
    """Reads TOML tables and keeps the digest of every byte read."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def rows(self, source: Traversable | Path, name: str, kind: str) -> list[Row]:
        try:
            content = source.read_bytes()
            parsed: dict[str, Any] = tomllib.loads(content.decode())
        except OSError:
            raise SettingsError(
                f"{source} cannot be read; give its path and the right to."
            ) from None
        except ValueError as error:
            raise SettingsError(f"{name}: not valid TOML ({error}); mend that line.") from None
        self._hash.update(hashlib.sha256(content).digest())
        unknown = set(parsed) - {kind}
        if unknown:
            raise SettingsError(f"{name}: unknown table {min(unknown)!r}; write [[{kind}]].")
        listed = parsed.get(kind, [])
        return [Row(name, kind, i, values) for i, values in enumerate(listed, start=1)]

    def digest(self) -> str:
        return self._hash.hexdigest()


def _level(row: Row) -> Level:
    return Level(
        row.integer("number", 1, HIGHEST),
        row.text("acr"),
        row.text("label"),
        row.text("proofing"),
        row.flag("in_person"),
        row.text("eidas", ""),
        row.text("nist", ""),
    )


def _ceiling(row: Row) -> Ceiling:
    return Ceiling(
        row.text("id"),
        row.text("label"),
        frozenset(row.texts("factors", within=FACTORS)),
        row.integer("alone", 1, HIGHEST),
        row.integer("combined", 1, HIGHEST),
        frozenset(row.texts("with")),
        row.choice("uses", ("sign-in", "bind")) == "sign-in",
        row.text("why"),
    )


def _purpose(row: Row) -> Purpose:
    return Purpose(
        row.text("id"),
        row.text("version"),
        row.text("sentence"),
        row.text("notice"),
        row.text("dpv"),
        frozenset(row.texts("attributes")),
        row.integer("valid_days", 1, 3660),
        row.integer("retention_days", 0, 3660),
    )


def _class(row: Row) -> DataClass:
    return DataClass(
        row.text("id"),
        row.text("label"),
        row.integer("minimum_level", 1, HIGHEST),
        row.flag("special", False),
        row.flag("vital", False),
    )


def _attribute(row: Row) -> Attribute:
    return Attribute(
        row.text("name"),
        row.text("class"),
        row.texts("scopes"),
        row.choice("type", ("text", "date", "address", "yes-no")),
        row.text("derived_from", "") or None,
        row.text("label"),
    )


def _basis(row: Row) -> Basis:
    return Basis(
        row.text("id"),
        row.choice("kind", tuple(sorted(BASES))),
        row.text("service"),
        row.text("purpose"),
        frozenset(row.texts("attributes", ())),
        frozenset(row.texts("classes", ())),
        row.text("law"),
        row.instant("not_before"),
        row.instant("not_after"),
    )


def _control(row: Row) -> Control:
    levels = tuple(int(n) for n in row.numbers("levels"))
    return Control(
        row.text("id"),
        row.text("text"),
        levels,
        row.text("threat", ""),
        row.texts("names", ()),
        row.flag("reconstructed"),
        row.text("test", ""),
    )


def _by_id(name: str, rows: list[T]) -> dict[str, T]:
    found: dict[str, T] = {}
    for row in rows:
        key: str = row.id  # type: ignore[attr-defined]
        if key in found:
            raise SettingsError(f"{name}: id {key!r} stands twice; rename one.")
        found[key] = row
    return found
