"""The checks between the data tables: what one row names, another must have."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from foundation.settings import SettingsError
from policies.catalogue import Catalogue
from policies.levels import HIGHEST, acr_of


def cross_check(catalogue: Catalogue) -> None:
    """Raises SettingsError, with file, row and key, at the first contradiction."""
    _levels(catalogue)
    _authenticators(catalogue)
    _hierarchy("purposes.toml", catalogue.purposes)
    _hierarchy("classes.toml", catalogue.classes)
    _attributes(catalogue)
    _purposes(catalogue)
    _bases(catalogue)
    for control in catalogue.controls.values():
        if not control.levels or not set(control.levels) <= set(catalogue.levels):
            raise SettingsError(f"controls.toml: control {control.id!r}, levels: name some of 1–4.")


def _levels(catalogue: Catalogue) -> None:
    if list(catalogue.levels) != list(range(1, HIGHEST + 1)):
        raise SettingsError("levels.toml: write the levels 1 to 4, each once, in order.")
    for number, level in catalogue.levels.items():
        if level.acr != acr_of(number):
            raise SettingsError(f"levels.toml: level {number}, acr: write {acr_of(number)!r}.")


def _authenticators(catalogue: Catalogue) -> None:
    factors = {f for c in catalogue.ceilings.values() for f in c.factors}
    for ceiling in catalogue.ceilings.values():
        _known(
            "authenticators.toml",
            f"authenticator {ceiling.id!r}, with",
            ceiling.partners,
            factors | set(catalogue.ceilings),
        )
        if ceiling.combined < ceiling.alone:
            raise SettingsError(
                f"authenticators.toml: authenticator {ceiling.id!r}, combined: "
                "a second authenticator cannot lower the ceiling."
            )


def _hierarchy(file: str, ids: Collection[str]) -> None:
    for dotted in ids:
        above, dot, _ = dotted.rpartition(".")
        if dot and above not in ids:
            raise SettingsError(f"{file}: {dotted!r} lies under {above!r}, which has no row.")


def _attributes(catalogue: Catalogue) -> None:
    used = {a for p in catalogue.purposes.values() for a in p.attributes}
    for attribute in catalogue.attributes.values():
        where = f"attribute {attribute.name!r}"
        _known("attributes.toml", f"{where}, class", [attribute.data_class], catalogue.classes)
        for member in ("derived_from", "part_of"):
            other = getattr(attribute, member)
            if other is not None:
                _known("attributes.toml", f"{where}, {member}", [other], catalogue.attributes)
        if attribute.name not in used:
            raise SettingsError(
                f"attributes.toml: {where}: no purpose in purposes.toml has a use for it; "
                "a new claim needs a purpose."
            )


def _purposes(catalogue: Catalogue) -> None:
    for purpose in catalogue.purposes.values():
        where = f"purpose {purpose.id!r}"
        _known("purposes.toml", f"{where}, attributes", purpose.attributes, catalogue.attributes)
        for text in (purpose.sentence, purpose.notice):
            try:
                text.format(service="", city="", controller="")
            except (KeyError, IndexError, ValueError):
                raise SettingsError(
                    f"purposes.toml: {where}: only {{service}}, {{city}} and {{controller}} "
                    "may stand in braces."
                ) from None


def _bases(catalogue: Catalogue) -> None:
    for basis in catalogue.bases.values():
        where = f"basis {basis.id!r}"
        _known("bases.toml", f"{where}, purpose", [basis.purpose], catalogue.purposes)
        _known("bases.toml", f"{where}, attributes", basis.attributes, catalogue.attributes)
        _known("bases.toml", f"{where}, classes", basis.classes, catalogue.classes)
        if not basis.attributes and not basis.classes:
            raise SettingsError(f"bases.toml: {where}: name attributes or classes.")
        if basis.not_after <= basis.not_before:
            raise SettingsError(f"bases.toml: {where}, not_after: must lie after not_before.")


def _known(file: str, where: str, named: Iterable[str], known: Collection[str]) -> None:
    for name in named:
        if name not in known:
            raise SettingsError(f"{file}: {where}: {name!r} has no row; add it or correct it.")
