"""What the consent page shows of each thing that is asked: its value, and why — ISO/IEC 29184 §5.3.

The values are the person's own, for their eyes: they are in no log, no record and no other page.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from babel import Locale, UnknownLocaleError

from foundation import birth
from foundation.birth import PartialDate
from foundation.pages import N_, Translator
from idp.oauth.client import Client
from policies import Catalogue

YES, NO = N_("Yes"), N_("No")


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that is decided at once. `values`: what each of its parts would tell, with the
    label of the part where there are several; `reasons`: the service's own words."""

    key: str
    label: str
    values: tuple[tuple[str, str | date | PartialDate], ...] = field(repr=False)
    reasons: tuple[str, ...]
    covered: bool


@dataclass(frozen=True, slots=True)
class Choices:
    """Puts names into things, with the words of one reader."""

    catalogue: Catalogue
    client: Client
    known: Mapping[str, Any] = field(repr=False)
    covered: Collection[str]
    translate: Translator

    def of(self, names: Sequence[str]) -> list[Choice]:
        return [self._one(key, parts) for key, parts in self.catalogue.choices(names).items()]

    def _one(self, key: str, parts: tuple[str, ...]) -> Choice:
        label = self._label(key if len(parts) > 1 else parts[0])
        # A full name says its parts: what is told twice is shown once.
        shown = (key,) if key in parts and key in self.known else parts
        return Choice(
            key=key,
            label=label,
            values=tuple(
                (self._label(name) if len(shown) > 1 else "", self._readable(name))
                for name in shown
                if self.known.get(name) is not None
            ),
            reasons=tuple(dict.fromkeys(filter(None, map(self._reason, parts)))),
            covered=all(name in self.covered for name in parts),
        )

    def _label(self, name: str) -> str:
        return self.translate(self.catalogue.attributes[name].label)

    def _reason(self, name: str) -> str | None:
        words = self.client.attribute_reasons
        return words.get(f"{name}#{self.translate.language}") or words.get(name)

    def _readable(self, name: str) -> str | date | PartialDate:
        """A value as people write it."""
        value, kind = self.known[name], self.catalogue.attributes[name].type
        if kind == "yes-no":
            return self.translate(YES if value else NO)
        if kind == "address" and isinstance(value, Mapping):
            lines = value.get("formatted") or "\n".join(str(line) for line in value.values())
            return ", ".join(filter(None, str(lines).splitlines()))
        if kind == "date":
            try:
                return birth.parse(str(value))
            except ValueError:
                return str(value)
        return self._language(str(value)) if name == "locale" else str(value)

    def _language(self, tag: str) -> str:
        try:
            named = Locale.parse(tag.replace("-", "_")).get_display_name(self.translate.locale)
        except (UnknownLocaleError, ValueError):
            return tag
        return named or tag


def attributes_of(
    ticked: Collection[str], optional: Sequence[str], catalogue: Catalogue
) -> frozenset[str]:
    """The attributes behind what was ticked; what is no choice of this page stays as it is, to be
    refused."""
    together = catalogue.choices(optional)
    return frozenset(name for key in ticked for name in together.get(key, (key,)))
