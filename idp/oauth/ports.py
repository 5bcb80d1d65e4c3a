"""What this suite asks of others; `civitas` plugs in who answers (architecture, "Ports")."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from foundation.database import UnitOfWork
from idp.login import WhoIsThere
from idp.oauth.client import Client
from policies import Known

__all__ = ["Ceiling", "ClaimsSource", "ClientSource", "SignsOut", "WhoIsThere"]


class Ceiling(Protocol):
    """How far this deployment itself is assured: no level above it is handed on, whatever was
    reached before. Under broker it may ask others: never called inside a unit of work."""

    def __call__(self) -> int: ...


class ClaimsSource(Protocol):
    """Where attribute values come from: the vault under provider, the sealed upstream answer
    under broker."""

    def known(self, person_id: str, session_id: str, level: int) -> Known:
        """What is known of the person, who reached `level` in that session. Nothing is decided
        here: only names that a decision permitted are asked for."""
        ...


class ClientSource(Protocol):
    """Clients from elsewhere than our own table: leafs of the federation, for example."""

    def find(self, client_id: str, now: datetime) -> Client | None:
        """The client, valid now, or None if this source does not know it. May fetch: never
        called inside a unit of work."""
        ...

    def would_fetch(self, client_id: str, now: datetime) -> bool:
        """Whether `find` would send requests of ours to learn about this name now."""
        ...


class SignsOut(Protocol):
    """Ends the sign-in session of a browser."""

    def sign_out(self, request: Request, response: Response) -> None:
        """End the session behind `request` and clear its cookies on `response`."""
        ...

    def session_lives(self, uow: UnitOfWork, session_id: str) -> bool:
        """Whether what rests on this session may go on."""
        ...
