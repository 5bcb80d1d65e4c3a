"""Who makes out which documents: issuers and kinds, as data that a deployment writes.

A kind says which fields its documents have, at which level of assurance one may leave, how long it
is valid, and which purposes have a use for it. Each kind is a claim of the catalogue, so that the
one decision rules on documents as on everything else (`policies`).
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from documents.locker.settings import DocumentsSettings
from foundation.settings import Settings, SettingsError
from policies import Attribute, Catalogue, DataClass, extended

ROOT_CLASS = "documents"
_ID = r"^[a-z0-9](?:[a-z0-9-]{0,28}[a-z0-9])?$"
_NAME = r"^[a-z][a-z0-9_]{0,39}$"
LONGEST_TEXT = 2000
FieldType = Literal["text", "date", "number", "yes-no"]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class KindField(_Row):
    """One field of a kind's documents. `labels`: the same in other languages (BCP 47)."""

    name: str = Field(pattern=_NAME)
    label: str = Field(min_length=1, max_length=120)
    labels: dict[str, str] = Field(default_factory=dict)
    type: FieldType = "text"
    required: bool = True

    def label_in(self, language: str) -> str:
        return self.labels.get(language, self.label)

    def fault(self, value: Any) -> str | None:
        """What is wrong with a value, as the end of a sentence; None if nothing is."""
        if self.type == "yes-no":
            return None if isinstance(value, bool) else "write true or false"
        if self.type == "number":
            number = isinstance(value, int | float) and not isinstance(value, bool)
            return None if number else "write a number"
        if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_TEXT:
            return f"write a text of 1 to {LONGEST_TEXT} characters"
        if self.type == "date":
            try:
                date.fromisoformat(value)
            except ValueError:
                return "write a date as YYYY-MM-DD"
        return None


class Issuer(_Row):
    """An office that makes out documents. `clients`: who may act for it, by client id."""

    id: str = Field(pattern=_ID)
    name: str = Field(min_length=1, max_length=120)
    names: dict[str, str] = Field(default_factory=dict)
    clients: tuple[str, ...] = ()

    def name_in(self, language: str) -> str:
        return self.names.get(language, self.name)


class Kind(_Row):
    """A kind of document of one issuer.

    `level`: the lowest level of assurance at which one may leave (ISO/IEC 29115). `special`: a
    special category (GDPR art. 9). `valid_days`: from its day of issue; absent: for good.
    `purposes`: of the catalogue, that have a use for it.
    """

    id: str = Field(pattern=_ID)
    issuer: str
    version: str = Field(min_length=1, max_length=32)
    title: str = Field(min_length=1, max_length=120)
    titles: dict[str, str] = Field(default_factory=dict)
    level: int = Field(default=2, ge=1, le=4)
    special: bool = False
    valid_days: int | None = Field(default=None, ge=1, le=36_600)
    purposes: tuple[str, ...] = Field(min_length=1)
    field: tuple[KindField, ...] = Field(min_length=1, max_length=60)

    @property
    def claim(self) -> str:
        """The name under which the decision knows it."""
        return f"document.{self.issuer}.{self.id}"

    def title_in(self, language: str) -> str:
        return self.titles.get(language, self.title)

    @cached_property
    def fields(self) -> Mapping[str, KindField]:
        return {one.name: one for one in self.field}

    def faults(self, content: Mapping[str, Any]) -> list[str]:
        """What is wrong with a document's content, a sentence each."""
        found = [
            f"{name}: this kind has no such field." for name in content if name not in self.fields
        ]
        for name, one in self.fields.items():
            if name not in content:
                if one.required:
                    found.append(f"{name}: it is missing.")
            elif fault := one.fault(content[name]):
                found.append(f"{name}: {fault}.")
        return found


class _File(_Row):
    issuer: tuple[Issuer, ...] = ()
    kind: tuple[Kind, ...] = ()


@dataclass(frozen=True)
class Kinds:
    """All issuers by id, all kinds by (issuer, id). `digest` (hex): of the file."""

    issuers: Mapping[str, Issuer]
    kinds: Mapping[tuple[str, str], Kind]
    digest: str

    def of_client(self, client_id: str) -> Issuer | None:
        """The issuer that a client acts for."""
        found = (issuer for issuer in self.issuers.values() if client_id in issuer.clients)
        return next(found, None)

    def by_claim(self, claim: str) -> Kind | None:
        return next((kind for kind in self.kinds.values() if kind.claim == claim), None)

    def extend(self, catalogue: Catalogue) -> Catalogue:
        """The tables of the decision, with a claim and a class for each kind."""
        if not self.kinds:
            return catalogue
        classes: dict[str, DataClass] = {}
        attributes, uses = [], dict[str, set[str]]()
        for issuer in self.issuers.values():
            above = f"{ROOT_CLASS}.{issuer.id}"
            classes[above] = DataClass(above, issuer.name, 1, False, False)
        for kind in self.kinds.values():
            its = f"{ROOT_CLASS}.{kind.issuer}.{kind.id}"
            classes[its] = DataClass(its, kind.title, kind.level, kind.special, False)
            attributes.append(Attribute(kind.claim, its, (), "document", None, kind.title))
            for purpose in kind.purposes:
                if purpose not in catalogue.purposes:
                    raise SettingsError(
                        f"documents: kind {kind.id!r} of {kind.issuer!r}: there is no purpose "
                        f"{purpose!r}; name one of {', '.join(catalogue.purposes)}."
                    )
                uses.setdefault(purpose, set()).add(kind.claim)
        return extended(catalogue, classes.values(), attributes, uses, self.digest)


NONE = Kinds({}, {}, "")


def load(path: Path | None) -> Kinds:
    """The file of a deployment; raises SettingsError with a sentence that says what to mend."""
    if path is None:
        return NONE
    try:
        content = path.read_bytes()
        read = _File.model_validate(tomllib.loads(content.decode()))
    except OSError as error:
        raise SettingsError(
            f"[documents] kinds: {path} cannot be read ({error.strerror}); give its path and the "
            "right to."
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"{path.name}: {where}: {first['msg']}.") from None
    except ValueError as error:
        raise SettingsError(f"{path.name}: not valid TOML ({error}); mend that line.") from None
    issuers = {issuer.id: issuer for issuer in read.issuer}
    kinds = {(kind.issuer, kind.id): kind for kind in read.kind}
    if len(issuers) != len(read.issuer) or len(kinds) != len(read.kind):
        raise SettingsError(f"{path.name}: an id stands twice; rename one.")
    for kind in read.kind:
        if kind.issuer not in issuers:
            raise SettingsError(
                f"{path.name}: kind {kind.id!r}: there is no issuer {kind.issuer!r}; "
                f"write an [[issuer]] with that id."
            )
        if len(kind.fields) != len(kind.field):
            raise SettingsError(f"{path.name}: kind {kind.id!r}: a field's name stands twice.")
    clients = [client for issuer in read.issuer for client in issuer.clients]
    if len(set(clients)) != len(clients):
        raise SettingsError(f"{path.name}: one client acts for one issuer only.")
    return Kinds(issuers, kinds, hashlib.sha256(content).hexdigest())


def of_settings(settings: Settings) -> Kinds:
    """Those that `[documents] kinds` names."""
    named = settings.of(DocumentsSettings).kinds
    return load(settings.resolve(named) if named else None)
