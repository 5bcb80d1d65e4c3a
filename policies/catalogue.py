"""What may be asked, why, and how strictly: the rows of the data tables, as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from policies.levels import Ceiling, Level


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
    """A claim that may leave. `derived_from` is set for a yes or no that is reckoned, `part_of`
    where another one is the same thing to a person, `checked_as` where a claim of its own says
    whether it was checked."""

    name: str
    data_class: str
    scopes: tuple[str, ...]
    type: str
    derived_from: str | None
    label: str
    part_of: str | None = None
    checked_as: str | None = None

    @property
    def answerable(self) -> bool:
        """Whether it can be asked as a question: a derived yes or no."""
        return self.type == "yes-no" and self.derived_from is not None


@dataclass(frozen=True)
class DetailField:
    """One thing that an authorization in detail says. `values`: of a choice, with what people call
    each; labels are message ids."""

    name: str
    label: str
    kind: str
    required: bool
    values: Mapping[str, str]


@dataclass(frozen=True)
class AuthorizationType:
    """What a service may ask to be allowed in detail (RFC 9396). `sentence` is a message id."""

    id: str
    sentence: str
    fields: Mapping[str, DetailField]


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
    authorization_types: Mapping[str, AuthorizationType]
    controls: Mapping[str, Control]
    digest: str

    def attributes_of_scope(self, scope: str) -> tuple[str, ...]:
        """The claims that an OpenID Connect scope asks for (Core §5.4), in the table's order."""
        return tuple(a.name for a in self.attributes.values() if scope in a.scopes)

    def label(self, attribute: str) -> str:
        """What people call a claim, a message id; its own name once no table knows it any more."""
        row = self.attributes.get(attribute)
        return attribute if row is None else row.label

    def sentence(self, purpose: str) -> str:
        """What a purpose is, a message id; its own id once no table knows it any more."""
        row = self.purposes.get(purpose)
        return purpose if row is None else row.sentence

    def choices(self, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """`names` by what a person decides at once: those that are one thing to them together,
        under the claim that the thing is called by."""
        together: dict[str, tuple[str, ...]] = {}
        for name in names:
            row = self.attributes.get(name)
            thing = row.part_of if row is not None and row.part_of else name
            together[thing] = (*together.get(thing, ()), name)
        return together

    def scopes(self) -> tuple[str, ...]:
        """Every scope that asks for a claim."""
        return tuple(dict.fromkeys(s for a in self.attributes.values() for s in a.scopes))

    def covers(self, wider: str, purpose: str) -> bool:
        """Whether a ground for purpose `wider` covers `purpose`: the same, or one below it."""
        return purpose == wider or purpose.startswith(wider + ".")


def parents(dotted: str) -> tuple[str, ...]:
    """The id right above a dotted id, if any: what the hierarchy hangs on."""
    above, dot, _ = dotted.rpartition(".")
    return (above,) if dot else ()
