"""Reading the tables of `policies/data/`, once, at start; each file is a list of rows.

A mistake stops the start with a sentence that names the file, the row and the key.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

from foundation.settings import SettingsError
from policies.catalogue import (
    Attribute,
    AuthorizationType,
    Basis,
    Catalogue,
    Control,
    DataClass,
    DetailField,
    Purpose,
    Reason,
)
from policies.crosscheck import cross_check
from policies.levels import HIGHEST, Ceiling, Level
from policies.rows import Row

T = TypeVar("T")
FACTORS = frozenset({"knowledge", "possession", "inherence", "look-up"})
BASES = frozenset(
    {"contract", "legal-obligation", "public-task", "legitimate-interest", "vital-interest"}
)


def load(bases: Path | None = None) -> Catalogue:
    """The tables of this package; `bases` replaces the packaged bases by the deployment's own."""
    return packaged() if bases is None else _load(bases)


def extended(
    catalogue: Catalogue,
    classes: Iterable[DataClass],
    attributes: Iterable[Attribute],
    uses: Mapping[str, Collection[str]],
    digest: str,
) -> Catalogue:
    """The tables with more that may leave, such as kinds of documents.

    `uses`: purpose → the new claims that it has a use for. `digest` (hex): of the bytes that say
    all this; it goes into the catalogue's own. Raises SettingsError as `load` does.
    """
    more = replace(
        catalogue,
        classes={**catalogue.classes, **{x.id: x for x in classes}},
        attributes={**catalogue.attributes, **{x.name: x for x in attributes}},
        purposes={
            **catalogue.purposes,
            **{
                id_: replace(catalogue.purposes[id_], attributes=had | frozenset(uses[id_]))
                for id_, had in ((p.id, p.attributes) for p in catalogue.purposes.values())
                if id_ in uses
            },
        },
        digest=hashlib.sha256(f"{catalogue.digest}{digest}".encode()).hexdigest(),
    )
    cross_check(more)
    return more


@cache
def packaged() -> Catalogue:
    """The tables of this package, with the packaged bases."""
    return _load(None)


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
    types = table(
        "authorization_types.toml",
        "authorization_type",
        _authorization_type,
        data / "authorization_types.toml",
    )
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
        authorization_types=_by_id("authorization_types.toml", types),
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
        row.integer("binds", 0, HIGHEST, 0),
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
        row.text("part_of", "") or None,
        row.text("checked_as", "") or None,
    )


def _authorization_type(row: Row) -> AuthorizationType:
    fields = [_field(one) for one in row.rows("field")]
    if not fields:
        raise row.refuse("field", "write what it may say")
    return AuthorizationType(
        row.text("id"), row.text("sentence"), {field.name: field for field in fields}
    )


def _field(row: Row) -> DetailField:
    field = DetailField(
        row.text("name"),
        row.text("label"),
        row.choice("kind", ("text", "choice", "choices", "amount", "day", "count")),
        row.flag("required"),
        {value.text("id"): value.text("label") for value in row.rows("value")},
    )
    if bool(field.values) is not field.kind.startswith("choice"):
        raise row.refuse("value", "a choice has some, and nothing else has any")
    return field


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
