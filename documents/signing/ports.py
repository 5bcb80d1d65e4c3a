"""What signing asks of others; `civitas` plugs in who answers (architecture, "Ports")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request


@dataclass(frozen=True, slots=True)
class Seen:
    """Who is at the browser.

    `fresh`: they proved who they are for this very transaction; otherwise `prove` is the local path
    where they do. `level` is what was reached, which may be less than is needed.
    """

    person_id: str
    level: int
    fresh: bool
    prove: str = ""


@dataclass(frozen=True, slots=True)
class GoTo:
    """Nobody is there: the local path where somebody proves who they are, and comes back."""

    path: str


class Parties(Protocol):
    """Who signs, and who asks for it."""

    def seen(self, request: Request, level: int, here: str) -> Seen | GoTo:
        """Who is at this browser; `here` is the page of the transaction, and names it."""
        ...

    def name_of(self, person_id: str) -> str:
        """The name as it stands in the register; empty for whoever may not act now."""
        ...

    def meant(self, service_id: str, sub: str) -> str | None:
        """The person whom this service knows as `sub`. May fetch: in no unit of work."""
        ...

    def service_name(self, service_id: str) -> str:
        """What people know the service as."""
        ...

    def comes_back_to(self, service_id: str, uri: str) -> bool:
        """Whether the service registered this very address for people who come back."""
        ...
