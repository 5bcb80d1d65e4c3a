"""Where a person may go from the header: places, shown by who is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from foundation.pages.language import N_


class Visitor(Protocol):
    """What the header asks of a principal."""

    @property
    def kind(self) -> str: ...

    @property
    def roles(self) -> frozenset[str]: ...


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the header. ``label`` is a message id; packages mark it with a no-op ``_``.

    Shown to principals of ``kind``; when ``roles`` is not empty, only to those who hold one.
    """

    label: str
    href: str
    kind: str = "citizen"
    roles: frozenset[str] = field(default_factory=frozenset)

    def is_for(self, visitor: Visitor | None) -> bool:
        if visitor is None or visitor.kind != self.kind:
            return False
        return not self.roles or bool(self.roles & visitor.roles)

    def holds(self, path: str) -> bool:
        """Whether ``path`` lies in this place, so that the header can mark it."""
        return path == self.href or (self.href != "/" and path.startswith(self.href + "/"))


ANY_ROLE = frozenset({"officer", "operator", "auditor", "regulator", "developer"})
PLACES: tuple[Place, ...] = (
    Place(N_("Overview"), "/account"),
    Place(N_("Ledger"), "/account/ledger"),
    Place(N_("Consents"), "/account/consents"),
    Place(N_("Documents"), "/account/documents"),
    Place(N_("Wallet"), "/account/wallet"),
    Place(N_("Services"), "/account/services"),
    Place(N_("Sign-in methods"), "/account/credentials"),
    Place(N_("Devices"), "/account/devices"),
    Place(N_("Desk"), "/desk", "staff", frozenset({"officer"})),
    Place(N_("Devices"), "/devices", "staff", frozenset({"operator"})),
    Place(N_("Certificates"), "/pki/board", "staff", frozenset({"operator"})),
    Place(N_("Letters"), "/letters", "staff", frozenset({"operator"})),
    Place(N_("Services"), "/services", "staff", frozenset({"operator"})),
    Place(N_("Staff"), "/staff", "staff", frozenset({"operator"})),
    Place(N_("Incidents"), "/incidents", "staff", frozenset({"operator"})),
    Place(N_("Audit"), "/auditor", "staff", frozenset({"auditor"})),
    Place(N_("Accreditation"), "/regulator", "staff", frozenset({"regulator"})),
    Place(N_("Your services"), "/developers", "staff", frozenset({"developer"})),
    Place(N_("Your account"), "/work", "staff", ANY_ROLE),
)


@dataclass(frozen=True, slots=True)
class WayBack:
    """The service that sent the person, and where it is; `href` is empty for a program without a
    page of its own."""

    name: str
    href: str = ""


def places_for(
    visitor: Visitor | None, path: str, places: Sequence[Place]
) -> Iterable[tuple[Place, bool]]:
    """Each place that the visitor may see, and whether it is the current one (longest match)."""
    shown = [p for p in places if p.is_for(visitor)]
    here = max((p for p in shown if p.holds(path)), key=lambda p: len(p.href), default=None)
    return [(p, p is here) for p in shown]
